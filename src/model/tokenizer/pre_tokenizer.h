// The pre-tokenisers that GGUF names (tokenizer.ggml.pre).
#pragma once
#include <array>
#include <string_view>

#include "model/tokenizer/pieces.h"

namespace strata::model::tokenizer {

enum PreTokenizerFlag : unsigned {
  ignore_merges = 1,   // a word that is a token is that token, whatever the merges say
  add_bos = 2,         // these two unless the file says otherwise
  add_sep = 4,
  characters = 8,      // symbols are characters with spaces as "▁", not bytes
};

/// One row of the table: how BPE models of these names cut a text into words.
struct PreTokenizer {
  std::string_view names;                     // separated by spaces
  std::array<std::string_view, 6> patterns;   // applied in turn; matches become pieces
  unsigned flags = 0;

  Stages stages() const;
};

/// Null if the name is not known.
const PreTokenizer* find_pre_tokenizer(std::string_view name);
/// Every name of the table, in order.
std::vector<std::string_view> pre_tokenizer_names();

/// The pattern of GPT-2, which ByteLevel of tokenizer.json cuts with.
extern const std::string_view gpt2_pattern;

}  // namespace strata::model::tokenizer
