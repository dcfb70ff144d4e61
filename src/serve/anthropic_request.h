// Anthropic's messages as a chat completion request. For .cc files of this folder (json.h).
#pragma once
#include "serve/json.h"

namespace strata::serve {

Json anthropic_schema();

/// The body of /v1/chat/completions that asks for the same. `counts_only`: of count_tokens, where
/// max_tokens is not required.
/// Errors: invalid_argument naming the field.
Json chat_from_anthropic(const Json& body, bool counts_only);

}  // namespace strata::serve
