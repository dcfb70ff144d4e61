// Answers of Ollama's chat and generate: one JSON object a line.
#pragma once
#include <memory>

#include "serve/answer.h"
#include "serve/service.h"

namespace strata::serve {

/// `chat`: the text is in "message", else in "response".
std::unique_ptr<AnswerForm> make_ollama_form(const Call& call, bool chat);

/// The answer to a request without a prompt: "load" or "unload".
std::string ollama_empty_answer(const Call& call, bool chat, std::string_view reason);

}  // namespace strata::serve
