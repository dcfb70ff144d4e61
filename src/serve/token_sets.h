// Strings of a request that stand for tokens: bad words, and what ends a repetition (DRY).
#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "model/tokenizer.h"
#include "serve/generation_request.h"

namespace strata::serve {

/// Thread-safe. The tokenizer outlives it.
class TokenSets {
 public:
  explicit TokenSets(const model::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// The request's sampling with the token ids that its strings stand for.
  engine::SamplingParams resolve(const GenerationRequest& request);

 private:
  const std::vector<engine::Token>& containing(const std::vector<std::string>& strings);

  const model::Tokenizer& tokenizer_;
  std::mutex mutex_;                          // of the next two
  std::vector<std::string> last_strings_;     // most requests ask for the same ones
  std::vector<engine::Token> last_tokens_;
};

}  // namespace strata::serve
