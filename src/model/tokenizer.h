// Text <-> token ids. Immutable after construction: any thread may call any method.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model {

class Store;
using Token = int32_t;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  struct EncodeOptions {
    bool add_special = true;    // BOS / EOS / [CLS] / [SEP] as the model's settings say
    bool parse_special = true;  // text of a special token becomes that token
  };
  /// Any bytes are accepted. Ill-formed UTF-8 is handled as the reference does (replacement
  /// character or byte tokens), never an error.
  virtual std::vector<Token> encode(std::string_view text, const EncodeOptions& options) const = 0;
  std::vector<Token> encode(std::string_view text) const { return encode(text, {}); }

  /// The bytes a token adds to the text, special tokens included by their text. May be a part of a
  /// UTF-8 sequence. `first`: nothing precedes it (SentencePiece drops the leading space then).
  virtual std::string bytes(Token id, bool first) const = 0;
  /// Concatenated bytes, special tokens left out if asked, ill-formed UTF-8 replaced by U+FFFD.
  virtual std::string decode(std::span<const Token> ids, bool skip_special) const = 0;

  virtual int size() const = 0;
  /// The vocabulary's own spelling of a token ("Ġthe", "▁the", "<0x0A>").
  virtual std::string_view piece(Token id) const = 0;
  virtual bool is_special(Token id) const = 0;
  virtual Token find(std::string_view piece) const = 0;   // -1 if absent

  Token bos = -1, eos = -1, unk = -1, pad = -1;
  std::vector<Token> stop;       // tokens that end generation: eos, <|im_end|>, <end_of_turn> ...
  bool add_bos = false, add_eos = false;
  std::string model;             // "bpe", "spm", "unigram", "wordpiece", for people
  std::string pre;               // pre-tokeniser name, for people
};

/// From GGUF metadata (tokenizer.ggml.*), or from the files of an HF folder: tokenizer.json, a
/// SentencePiece tokenizer.model, tiktoken ranks, vocab.json with merges.txt, or vocab.txt; and
/// what tokenizer_config.json, special_tokens_map.json, added_tokens.json, generation_config.json
/// and config.json say.
/// Errors: unimplemented naming the tokenizer model or pre-tokeniser; data_loss.
std::unique_ptr<Tokenizer> make_tokenizer(const Store& store);
/// From tokenizer.json text alone (tests); `config` is tokenizer_config.json or empty.
std::unique_ptr<Tokenizer> make_tokenizer_json(std::string_view tokenizer_json,
                                               std::string_view config);

}  // namespace strata::model
