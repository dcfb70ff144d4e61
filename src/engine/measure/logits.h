// What a checkpoint computes: logits, arg-max of every position, greedy continuation.
#pragma once
#include <span>
#include <vector>

#include "engine/measure/session.h"

namespace strata::engine {

struct LogitsReport {
  std::vector<float> last_logits;   // of the last prompt position
  std::vector<Token> argmax_all;    // of every prompt position
  std::vector<Token> greedy;        // the continuation
};

/// Runs the prompt in pieces of `chunk` tokens (0: as large as a step allows), then `greedy`
/// tokens.
LogitsReport evaluate_logits(Session& session, std::span<const Token> prompt, int greedy,
                             int chunk = 0);

}  // namespace strata::engine
