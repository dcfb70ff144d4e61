// Writes a Hugging Face folder: config.json, tokenizer files, safetensors in shards with an index.
#pragma once
#include <string>

#include "model/convert/convert.h"

namespace strata::model {

/// Errors: invalid_argument for a type that safetensors lacks; already_exists when `folder` holds
/// files; those of the disk.
Converted write_safetensors_folder(const Store& store, const std::string& folder,
                                   const ConvertOptions& options);

}  // namespace strata::model
