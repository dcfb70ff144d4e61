// Byte-pair encoding by score, as SentencePiece does it (GGUF's tokenizer model "llama").
// Source: Kudo, Richardson, "SentencePiece: A simple and language independent subword tokenizer",
// section 3.1.
#pragma once
#include <array>

#include "model/tokenizer/word_cache.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

class Spm : public WordModel {
 public:
  /// One score a token. Symbols are characters, or single bytes where the text is ill-formed; those
  /// that are no tokens become "<0xNN>" tokens, else `unknown` (-1: dropped). Text never turns into
  /// a control, unknown or byte token by its spelling.
  Spm(const Vocabulary& vocabulary, std::vector<float> scores, Token unknown);

  /// Cost: O(n log n) for n bytes; a table look-up for words seen before.
  void encode(std::string_view text, Scratch& scratch, std::vector<Token>& out) const override;

 private:
  Token find(std::string_view piece) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<Token>& out) const;

  const Vocabulary& vocabulary_;
  std::vector<float> scores_;
  std::array<Token, 256> byte_id_;
  Token unknown_;
  bool by_words_ = true;   // no token has a "▁" after another character: merges stay inside words
  WordCache cache_;
};

}  // namespace strata::model::tokenizer
