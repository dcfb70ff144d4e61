// A chat completion request, validated, and its prompt. For .cc files of this folder (json.h).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "fleet/model.h"
#include "serve/generation_request.h"
#include "serve/tools.h"

namespace strata::serve {

/// The conversation: what /v1/chat/completions and /tokenize share.
struct Conversation {
  Json messages, tools, documents;
  Json kwargs = Json::object();   // chat_template_kwargs
  std::optional<bool> add_generation_prompt;
  bool continue_final = false, add_special = false;
};

std::span<const Field<Conversation>> conversation_fields();

/// Errors: invalid_argument naming message and member ("messages[2].content").
void complete_conversation(Conversation& conversation);

/// The text that the model continues, as its chat template writes it.
/// Errors: invalid_argument if there is no template, or with what the template says.
std::string render(const Conversation& conversation, const fleet::Model& model);

struct ChatRequest : GenerationRequest {
  Conversation conversation;
  bool logprobs = false;
  std::optional<int> top_logprobs, max_completion_tokens;
  Json tool_choice;
  bool parallel_tool_calls = true;
  ToolUse tool_use;                      // of the fields above and the conversation's tools
  std::optional<int> thinking_budget;    // tokens of reasoning
};

Json chat_schema();

/// Errors: invalid_argument naming the field.
ChatRequest parse_chat_request(const Json& body, const fleet::ModelCard& card,
                               const GenerationDefaults& defaults);

}  // namespace strata::serve
