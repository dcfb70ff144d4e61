// How a conversation is answered, whatever API asks: the prompt, what the answer must look like and
// how it is read. For .cc files of this folder (json.h).
#pragma once
#include <memory>
#include <string>

#include "serve/answer.h"
#include "serve/chat_request.h"
#include "serve/service.h"

namespace strata::serve {

/// The text that the model continues, its tools in it. A template that shows no tools gets them
/// described in the system message.
/// Errors: those of render().
std::string prompt_text(Conversation conversation, const ToolUse& use, const fleet::Model& model);

/// The same as token ids.
Prompt chat_prompt(const ChatRequest& request, const fleet::Model& model);

/// Answers in the form of an API: completes the request with its constraint and the way its answer
/// is read, and starts it.
/// Errors: invalid_argument naming the field, for instance for a schema that cannot be enforced;
/// those of Generation::start.
void answer_chat(const Call& call, ChatRequest& request, std::unique_ptr<AnswerForm> form);

}  // namespace strata::serve
