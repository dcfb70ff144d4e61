// Text or token ids, one or many: the forms that the API allows for prompts and inputs.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/request.h"
#include "serve/field.h"

namespace strata::serve {

using PromptInput = std::variant<std::string, std::vector<engine::Token>>;

/// A string, an array of strings, of token ids or of arrays of token ids.
/// Errors: invalid_argument naming `field` for another kind, nothing, or more than `most`.
std::vector<PromptInput> read_inputs(std::string_view field, const Json& value, size_t most);

}  // namespace strata::serve
