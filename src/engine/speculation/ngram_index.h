// Where the last tokens of a sequence occurred before in it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/request.h"

namespace strata::engine {

/// A place that continues like the end of the text.
struct Match {
  int length = 0;      // tokens that agree; 0: none found
  int64_t next = 0;    // position of the token after them
};

/// A hash chain over the n-grams of a growing text, as LZ77 compressors keep it.
/// Source: Saxena, "Prompt lookup decoding", 2023.
class NgramIndex {
 public:
  static constexpr int kMin = 2;        // tokens that must agree
  static constexpr int kMax = 16;       // agreeing tokens that are counted
  static constexpr int kScan = 32;      // earlier places that are compared

  /// Takes note of the tokens beyond those of the last call. Cost: O(1) a token, amortised.
  void extend(std::span<const Token> text);
  /// The longest match of the end of `text`, the latest of equals.
  Match find(std::span<const Token> text) const;

 private:
  static uint32_t hash(const Token* gram);

  std::vector<int32_t> heads_;          // by hash: position after the latest such n-gram; -1: none
  std::vector<int32_t> previous_;       // by position after an n-gram: the one before it
  int32_t n_text_ = 0;
};

}  // namespace strata::engine
