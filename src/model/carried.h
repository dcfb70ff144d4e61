// GGUF files that carry a Hugging Face folder as it is, where GGUF has no form for the model.
#pragma once
#include <string_view>

#include "model/format/value.h"

namespace strata::model {

/// general.architecture of such files: config.json is under kConfigKey, tensors have our names and
/// that folder's order of rows. Programs that do not know it refuse the file instead of computing
/// something else.
inline constexpr std::string_view kCarriedArchitecture = "strata-hf";
inline constexpr std::string_view kConfigKey = "strata.config.json";

inline bool is_carried(const Metadata& metadata) {
  return metadata.text("general.architecture").value_or("") == kCarriedArchitecture;
}

}  // namespace strata::model
