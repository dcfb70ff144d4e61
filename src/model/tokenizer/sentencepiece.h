// tokenizer.model of SentencePiece: the file, and what it says in tokenizer.json's form.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/folder_settings.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {

/// Source: sentencepiece_model.proto, the messages ModelProto, TrainerSpec and NormalizerSpec.
struct SentencePieceFile {
  enum class Kind : uint8_t { unigram = 1, bpe = 2, word = 3, character = 4 };
  struct Piece {
    std::string_view text;   // lies in the bytes that were parsed
    float score = 0;
    TokenType type = TokenType::normal;
  };
  Kind kind = Kind::unigram;
  std::vector<Piece> pieces;
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
  bool whitespace_as_suffix = false, byte_fallback = false;
  std::string bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";

  /// -1 if there is none.
  int64_t find(std::string_view text) const;
  int64_t unknown() const;
};

/// Errors: data_loss naming file, byte and field; unimplemented for the kinds word and character.
SentencePieceFile parse_sentencepiece(std::span<const uint8_t> bytes, std::string_view where);

/// tokenizer.json of it. Byte-pair encoding by score has no name there and becomes the model
/// "SentencePiece": the vocabulary of Unigram with the token types beside it. `settings` get the
/// special tokens that the file names.
std::string sentencepiece_json(const SentencePieceFile& file, FolderSettings& settings);

}  // namespace strata::model::tokenizer
