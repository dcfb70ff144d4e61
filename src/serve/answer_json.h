// The parts that the answers of the OpenAI API share. For .cc files of this folder (json.h).
#pragma once
#include <span>
#include <string>
#include <vector>

#include "fleet/model_card.h"
#include "model/tokenizer.h"
#include "serve/answer.h"
#include "serve/id.h"
#include "serve/json.h"

namespace strata::serve {

Json usage_json(const AnswerUsage& usage);

/// Where a stream tells its usage (stream_options).
struct UsageChunks {
  bool at_end = false, in_each = false;

  /// The member "usage" of a chunk, if it has one.
  void stamp(Json& chunk, const AnswerUsage& usage) const;
  /// The chunk without choices that ends a stream, if it is asked for.
  void append_last(std::string& out, const Json& head, const AnswerUsage& usage) const;
};

/// "stop", "length" or "tool_calls".
std::string_view finish_name(Finish finish);

/// The answer as a chat message: {"role", "content", "refusal", "reasoning", "tool_calls"}.
Json message_json(const Blocks& blocks);

/// A call's arguments as an object; {} where they were cut off.
Json arguments_json(const Block& call);

/// {"id", "object", "created", "model", "system_fingerprint"}
Json answer_head(const std::string& id, std::string_view object, const fleet::ModelCard& card);

/// "data: JSON\n\n"
void append_event(std::string& out, const Json& json);

/// [{token, logprob, bytes, top_logprobs}]
Json logprobs_json(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer);

/// Chat form: {"content": [...], "refusal": null}.
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
