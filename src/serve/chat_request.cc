#include "serve/chat_request.h"

namespace strata::serve {
namespace {

using R = ChatRequest;

void check_modalities(R&, const Json& v) {
  for (const Json& modality : v)
    if (modality != "text")
      bad_field("modalities", "'modalities' may hold \"text\" only: this model writes text",
                "unsupported_value");
}

void set_budget(R& r, const Json& v) {
  if (v.get<int>() >= 0) r.thinking_budget = v.get<int>();   // -1: any number
}

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"max_tokens", integer(1), STRATA_SET(r.max_tokens = v.get<int>())},
    {"max_completion_tokens", integer(1),
     STRATA_SET(r.max_completion_tokens = v.get<int>())},
    {"logprobs", boolean(), STRATA_SET(r.logprobs = v.get<bool>())},
    {"top_logprobs", integer(0, max_top_logprobs),
     STRATA_SET(r.top_logprobs = v.get<int>())},
    {"tool_choice", any(), STRATA_SET(r.tool_choice = v)},
    {"modalities", array(0, 8), check_modalities},
    {"parallel_tool_calls", boolean(), STRATA_SET(r.parallel_tool_calls = v.get<bool>())},
    {"include_reasoning", boolean(), STRATA_SET(r.reading.include_reasoning = v.get<bool>())},
    {"thinking_budget", integer(-1), set_budget},
    {"thinking_token_budget", integer(-1), set_budget},
    {"reasoning_budget", integer(-1), set_budget},
    {"store", boolean(), nullptr},
    {"prompt_cache_key", string(), nullptr},
    {"prompt_cache_retention", string(), nullptr},
    {"safety_identifier", string(), nullptr},
    {"verbosity", string(), nullptr},
    {"function_call", any(), [](R&, const Json& v) {
       if (v != "none") check(refused("use tools and tool_choice"), "function_call", v);
     }},
    {"audio", refused("this model writes text only"), nullptr},
    {"web_search_options", refused("there is no web search here"), nullptr},
    {"echo", refused("use /v1/completions"), nullptr},
};
#undef STRATA_SET

}  // namespace

Json chat_schema() {
  return SchemaWriter()
      .with(std::span<const Field<R>>(fields))
      .with(conversation_fields())
      .with(generation_fields())
      .require({"messages"})
      .take();
}

ChatRequest parse_chat_request(const Json& body, const fleet::ModelCard& card,
                               const GenerationDefaults& defaults) {
  ChatRequest r;
  if (defaults.temperature) r.sampling.temperature = *defaults.temperature;
  FieldReader()
      .with(std::span<const Field<R>>(fields), r)
      .with(conversation_fields(), r.conversation)
      .with<GenerationRequest>(generation_fields(), r)
      .with(structure_fields(), r.format)
      .read(body);
  if (r.max_completion_tokens) {
    if (r.max_tokens && *r.max_tokens != *r.max_completion_tokens)
      bad_field("max_tokens", "'max_tokens' contradicts 'max_completion_tokens': give one of them",
                "invalid_value");
    r.max_tokens = r.max_completion_tokens;
  }
  complete_generation(r, card, defaults, -1);
  complete_conversation(r.conversation);
  r.tool_use = read_tool_use(r.conversation.tools, r.tool_choice, r.parallel_tool_calls);
  if (r.tool_choice == "none") r.conversation.tools = nullptr;   // not shown to the model
  if (r.top_logprobs && !r.logprobs)
    bad_field("top_logprobs", "'top_logprobs' needs 'logprobs' to be true", "invalid_value");
  if (r.logprobs) r.sampling.logprobs = r.top_logprobs.value_or(0);
  return r;
}

}  // namespace strata::serve
