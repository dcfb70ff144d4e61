// The parts that the answers of the OpenAI API share. For .cc files of this folder (json.h).
#pragma once
#include <span>
#include <string>
#include <vector>

#include "engine/request.h"
#include "fleet/model_card.h"
#include "model/tokenizer.h"
#include "serve/json.h"

namespace strata::serve {

/// "chatcmpl-" and 24 random hexadecimal digits.
std::string make_id(std::string_view prefix);

Json usage_json(const engine::Usage& usage);

/// {"id", "object", "created", "model", "system_fingerprint"}
Json answer_head(const std::string& id, std::string_view object, const fleet::ModelCard& card);

/// "data: JSON\n\n"
void append_event(std::string& out, const Json& json);

/// Chat form: {"content": [{token, logprob, bytes, top_logprobs}], "refusal": null}.
Json chat_logprobs(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer);

/// vLLM's form of prompt_logprobs: null for the first token, then {id: {logprob, rank,
/// decoded_token}} with the token itself and the best ones.
Json prompt_logprobs(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer);

/// Legacy form: {"text_offset", "token_logprobs", "tokens", "top_logprobs"}. A token that is no
/// whole character is written "bytes:\xe2\x80", as the OpenAI API does.
struct LegacyLogprobs {
  /// Offsets are characters from the start of the choice's text: kept from call to call.
  size_t offset = 0;
  bool at_start = false;   // the next token is the first of the prompt: it has no logprob

  Json take(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer);
};

}  // namespace strata::serve
