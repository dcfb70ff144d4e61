// What turns one piece of text into tokens.
#pragma once
#include <string_view>
#include <vector>

#include "model/tokenizer/merge.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {

/// Memory of one encode call, so that words do not allocate.
struct Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

/// Thread-safe.
class WordModel {
 public:
  virtual ~WordModel() = default;
  /// Appends the tokens of `word` (not empty).
  virtual void encode(std::string_view word, Scratch& scratch, std::vector<Token>& out) const = 0;
};

}  // namespace strata::model::tokenizer
