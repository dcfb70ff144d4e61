// Strings of a request that stand for tokens: bad words, and what ends a repetition (DRY).
#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "engine/request.h"
#include "model/tokenizer.h"

namespace strata::fleet {

/// Thread-safe. The tokenizer outlives it.
class TokenSets {
 public:
  explicit TokenSets(const model::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Ascending ids of the tokens whose text holds one of `strings`. Cost: the vocabulary's text,
  /// once for strings that are asked for again and again.
  std::vector<engine::Token> containing(const std::vector<std::string>& strings);

  /// The token sequences of each word, at the start of a text and within one; none is empty.
  std::vector<std::vector<engine::Token>> forms(const std::vector<std::string>& words) const;

 private:
  const model::Tokenizer& tokenizer_;
  std::mutex mutex_;                          // of the next two
  std::vector<std::string> last_strings_;     // most requests ask for the same ones
  std::vector<engine::Token> last_tokens_;
};

}  // namespace strata::fleet
