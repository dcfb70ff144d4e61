// The tools of a request, and which of them the model may or must call. For .cc files of this
// folder (json.h).
#pragma once
#include <vector>

#include "dialect/call_grammar.h"
#include "dialect/values.h"
#include "serve/json.h"

namespace strata::serve {

struct ToolUse {
  enum class Choice { none, automatic, required };
  Choice choice = Choice::none;
  std::vector<dialect::Tool> tools;  // those that may be called
  bool parallel = true;
};

/// `tools`: the request's array, checked; `choice`: tool_choice, null if not given.
/// Errors: invalid_argument naming tool_choice.
ToolUse read_tool_use(const Json& tools, const Json& choice, bool parallel);

/// What the schemas say of the parameters.
dialect::ToolTypes types_of(const std::vector<dialect::Tool>& tools);

/// For a chat template that shows no tools: they are described in the system message, and calls
/// that were made become text.
void describe_tools(Json& messages, const std::vector<dialect::Tool>& tools, const Json& given);

}  // namespace strata::serve
