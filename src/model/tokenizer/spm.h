// Byte-pair encoding by score, as SentencePiece does it (GGUF's tokenizer model "llama").
// Source: Kudo, Richardson, "SentencePiece: A simple and language independent subword tokenizer",
// section 3.1.
#pragma once
#include <array>
#include <unordered_map>

#include "model/tokenizer/trie.h"
#include "model/tokenizer/word_cache.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

class Spm : public WordModel {
 public:
  struct Options {
    Token unknown = -1;          // -1: dropped
    // User-defined pieces are found before anything merges and stay whole; an unused piece falls
    // apart into what it was merged of. GGUF's readers do neither.
    bool by_types = false;
  };
  /// One score a token. Symbols are characters, or single bytes where the text is ill-formed; those
  /// that are no tokens become "<0xNN>" tokens, else one `unknown` for a run of them. Text never
  /// turns into a control, unknown or byte token by its spelling.
  Spm(const Vocabulary& vocabulary, std::vector<float> scores, Options options);

  /// Cost: O(n log n) for n bytes; a table look-up for words seen before.
  void encode(std::string_view text, Scratch& scratch, std::vector<Token>& out) const override;

 private:
  Token find(std::string_view piece) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<Token>& out) const;
  bool whole(Token id) const {   // never part of a longer piece
    return options_.by_types && vocabulary_.type(id) == TokenType::user_defined;
  }
  bool falls_apart(Token id) const {
    return options_.by_types && vocabulary_.type(id) == TokenType::unused;
  }
  /// Bytes of the left part that an unused piece was merged of.
  using LeftParts = std::unordered_map<std::string_view, uint32_t>;
  void put(std::string_view piece, Token id, const LeftParts& left_parts,
           std::vector<Token>& out) const;

  const Vocabulary& vocabulary_;
  std::vector<float> scores_;
  std::array<Token, 256> byte_id_;
  Options options_;
  Trie user_defined_;
  bool by_words_ = true;   // no token has a "▁" after another character: merges stay inside words
  WordCache cache_;
};

}  // namespace strata::model::tokenizer
