// How a conversation is answered: the prompt, what the answer must look like, and how it is read.
// For .cc files of this folder (json.h).
#pragma once
#include <string>

#include "dialect/parser.h"
#include "fleet/model.h"
#include "serve/chat_request.h"

namespace strata::serve {

struct ChatPlan {
  Prompt prompt;
  dialect::ParserOptions parser;
};

/// Renders the prompt and completes the request with its constraint and the control tokens that
/// reading the answer needs.
/// Errors: invalid_argument naming the field, for instance for a schema that cannot be enforced.
ChatPlan plan_chat(fleet::Model& model, ChatRequest& request);

}  // namespace strata::serve
