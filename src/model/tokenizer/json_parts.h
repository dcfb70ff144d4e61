// The parts of tokenizer.json that do not need the vocabulary.
#pragma once
#include "model/tokenizer/decoder.h"
#include "model/tokenizer/json_reader.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/pieces.h"

namespace strata::model::tokenizer {

/// All of these: errors: unimplemented naming a type that is not supported; data_loss.

struct JsonNormalizer {
  NormalizerPtr normalizer;
  bool byte_level = false;   // ends in mapping bytes (byte_map.h), which is left to do
};
JsonNormalizer read_normalizer(Json e);

struct JsonPreTokenizer {
  Stages stages;
  bool byte_level = false;   // the model sees bytes (byte_map.h)
};
/// `mapped`: the text's bytes count as mapped from the start.
JsonPreTokenizer read_pre_tokenizer(std::optional<Json> e, bool mapped);

Decoder read_decoder(Json e);

}  // namespace strata::model::tokenizer
