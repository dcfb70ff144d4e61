// The one Tokenizer: special tokens, normaliser, pre-tokeniser, word model, decoder in a row.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer.h"
#include "model/tokenizer/decoder.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/special_split.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

/// What a file describes. `vocabulary` and `model` are required.
struct Parts {
  std::unique_ptr<Vocabulary> vocabulary;   // its index built
  SpecialSplit raw_tokens;                  // found in the text as it is
  NormalizerPtr normalizer;                 // null: none
  SpecialSplit normalized_tokens;           // found in the normalised text
  Stages stages;
  std::unique_ptr<WordModel> model;
  Decoder decoder;
  std::vector<Token> prefix, suffix;        // of add_special
  bool takes_any_bytes = false;             // else ill-formed UTF-8 is replaced first
};

class PipelineTokenizer : public Tokenizer {
 public:
  explicit PipelineTokenizer(Parts parts);

  using Tokenizer::encode;
  std::vector<Token> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string bytes(Token id, bool first) const override;
  std::string decode(std::span<const Token> ids, bool skip_special) const override;
  int size() const override { return parts_.vocabulary->size(); }
  std::string_view piece(Token id) const override { return parts_.vocabulary->piece(id); }
  bool is_special(Token id) const override;
  Token find(std::string_view piece) const override { return parts_.vocabulary->find(piece); }

 private:
  void encode_raw(std::string_view text, bool at_start, bool parse_special, Scratch& scratch,
                  std::vector<Token>& out) const;
  void encode_normalized(std::string_view text, bool at_start, Scratch& scratch,
                         std::vector<Token>& out) const;
  Parts parts_;
};

}  // namespace strata::model::tokenizer
