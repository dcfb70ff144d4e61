// Ollama's chat and generate requests as those of the OpenAI API. For .cc files of this folder
// (json.h).
#pragma once
#include <optional>

#include "fleet/model_card.h"
#include "serve/json.h"

namespace strata::serve {

struct OllamaRequest {
  Json body = Json::object();          // of /v1/chat/completions, or of /v1/completions if raw
  bool raw = false;                    // a prompt without template
  bool thinks = false;                 // reasoning is asked for
  bool empty = false;                  // nothing to answer: the model is to be loaded or unloaded
  std::optional<double> keep_alive_s;  // negative: for ever
};

Json ollama_chat_schema();
Json ollama_generate_schema();

/// Errors: invalid_argument naming the field, also for a context larger than the model is served
/// with: it is never silently cut.
OllamaRequest parse_ollama_chat(const Json& body, const fleet::ModelCard& card);
OllamaRequest parse_ollama_generate(const Json& body, const fleet::ModelCard& card);

/// Seconds: a number, or a duration like "5m", "1h30m", "-1". Errors: invalid_argument.
double parse_keep_alive(const Json& value);

}  // namespace strata::serve
