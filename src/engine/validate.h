// What a request must be like to be accepted.
#pragma once
#include "engine/request.h"

namespace strata::engine {

struct RequestLimits {
  int n_vocab = 0;
  int max_model_len = 0;      // prompt and output together, tokens
  int max_num_seqs = 0;

  static constexpr int kN = 128;
  static constexpr int kLogitBias = 1024;
  static constexpr int kStopTokens = 1024;
  static constexpr int kAllowedTokens = 65536;
  static constexpr int kBadWords = 1024;
  static constexpr double kDeadlineMs = 24 * 3600e3;
};

/// Errors: invalid_argument naming the parameter in param(); reason "context_length_exceeded" with
/// both numbers when the prompt leaves no room for a token.
void validate(const Request& request, const RequestLimits& limits);

}  // namespace strata::engine
