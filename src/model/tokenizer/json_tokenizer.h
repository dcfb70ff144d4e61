// A tokenizer from the files of a Hugging Face folder.
#pragma once
#include <memory>
#include <string_view>

#include "model/tokenizer.h"

namespace strata::model::tokenizer {

/// Contents of the files; all but the first may be empty.
struct JsonFiles {
  std::string_view tokenizer;            // tokenizer.json
  std::string_view tokenizer_config;     // special tokens, add_bos_token
  std::string_view generation_config;    // eos_token_id: number or list
  std::string_view config;               // bos_token_id, eos_token_id
};

/// Errors: unimplemented naming a part that is not supported; data_loss.
std::unique_ptr<Tokenizer> json_tokenizer(const JsonFiles& files);

}  // namespace strata::model::tokenizer
