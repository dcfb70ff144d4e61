// Tensor names: what Hugging Face checkpoints call a tensor -> our (GGUF's) name.
#pragma once
#include <string>
#include <string_view>

namespace strata::model {

/// `family` is Family::name. A name that no row of the table knows comes back unchanged.
std::string hf_tensor_name(std::string_view file_name, std::string_view family);

/// The reverse, with the usual prefixes; empty if no row of the table gives this name of ours.
std::string hf_file_name(std::string_view name, std::string_view family);

}  // namespace strata::model
