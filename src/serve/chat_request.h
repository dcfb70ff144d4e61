// A chat completion request, validated, and its prompt. For .cc files of this folder (json.h).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "model/chat_template.h"
#include "model/tokenizer.h"
#include "serve/generation_request.h"

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

/// The text that the model continues.
/// Errors: invalid_argument if there is no template, or with what the template says.
std::string render(const Conversation& conversation, const model::ChatTemplate* chat_template,
                   const model::Tokenizer& tokenizer, const ModelCard& card);

struct ChatRequest : GenerationRequest {
  Conversation conversation;
  bool logprobs = false;
  std::optional<int> top_logprobs, max_completion_tokens;
  Json tool_choice;
};

/// Errors: invalid_argument naming the field; not_found for the model.
ChatRequest parse_chat_request(std::string_view body, const ModelCard& card,
                               const GenerationDefaults& defaults);

}  // namespace strata::serve
