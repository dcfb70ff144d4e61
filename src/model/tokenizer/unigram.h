// The most probable segmentation under a unigram model (GGUF's tokenizer model "t5").
// Source: Kudo, "Subword Regularization", section 3.2.
#pragma once
#include <array>

#include "model/tokenizer/trie.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

class Unigram : public WordModel {
 public:
  /// One log-probability a token. A character that no token covers costs 10 more than the worst
  /// token; neighbouring ones become one `unknown` (-1: dropped), or bytes if `byte_fallback`.
  Unigram(const Vocabulary& vocabulary, std::vector<double> scores, Token unknown,
          bool byte_fallback);

  /// Cost: O(n * longest token) for n bytes.
  void encode(std::string_view text, Scratch& scratch, std::vector<Token>& out) const override;

 private:
  std::vector<double> scores_;
  Trie trie_;
  std::array<Token, 256> byte_id_;
  double unknown_score_;
  Token unknown_;
  bool byte_fallback_;
};

}  // namespace strata::model::tokenizer
