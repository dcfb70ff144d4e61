// Longest piece first, word by word (BERT).
#pragma once
#include <string>

#include "model/tokenizer/word_cache.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

class WordPiece : public WordModel {
 public:
  struct Options {
    std::string start_prefix;               // of the first piece of a word; "▁" in GGUF
    std::string continuing_prefix = "##";   // of the others
    size_t max_characters = 100;            // a longer word is `unknown`
    Token unknown = -1;                     // -1: dropped
  };
  WordPiece(const Vocabulary& vocabulary, Options options)
      : vocabulary_(vocabulary), options_(std::move(options)) {}

  /// A word that pieces do not cover is one `unknown`. Source: Wu et al., "Google's Neural Machine
  /// Translation System", section 4.1.
  void encode(std::string_view word, Scratch& scratch, std::vector<Token>& out) const override;

 private:
  void encode_new(std::string_view word, std::vector<Token>& out) const;

  const Vocabulary& vocabulary_;
  Options options_;
  WordCache cache_;
};

}  // namespace strata::model::tokenizer
