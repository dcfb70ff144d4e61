// The responses API's request as a chat completion request. For .cc files of this folder (json.h).
#pragma once
#include <optional>
#include <string>

#include "serve/json.h"

namespace strata::serve {

struct ResponsesRequest {
  Json chat = Json::object();        // the body of /v1/chat/completions, without the messages
  // As given: the answer repeats them.
  Json instructions, tools, tool_choice, text, reasoning, metadata;
  Json input = Json::array();        // the request's items
  Json messages = Json::array();     // the same as chat messages, without instructions
  std::optional<std::string> previous_id;
  bool store = true;
};

Json responses_schema();

/// Errors: invalid_argument naming the field.
ResponsesRequest parse_responses_request(const Json& body);

/// Instructions, the conversation so far and the new messages.
Json join_messages(const ResponsesRequest& request, const Json& earlier);

}  // namespace strata::serve
