#include "serve/completion_request.h"

namespace strata::serve {
namespace {

using R = CompletionRequest;

constexpr size_t max_prompts = 2048, max_choices = 4096;
constexpr int default_max_tokens = 16;   // as the OpenAI API documents
constexpr int max_legacy_logprobs = 5;

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"prompt", any(), STRATA_SET(r.prompts = read_inputs("prompt", v, max_prompts))},
    {"max_tokens", integer(0), STRATA_SET(r.max_tokens = v.get<int>())},
    {"echo", boolean(), STRATA_SET(r.echo = v.get<bool>())},
    {"logprobs", integer(0, max_legacy_logprobs),
     STRATA_SET(r.logprobs = v.get<int>())},
    {"best_of", integer(1, max_n), STRATA_SET(r.best_of = v.get<int>())},
    {"add_special_tokens", boolean(), STRATA_SET(r.add_special = v.get<bool>())},
    {"suffix", refused("write the model's fill-in-the-middle form into the prompt"), nullptr},
    {"prompt_embeds", refused("give text or token ids"), nullptr},
};
#undef STRATA_SET

}  // namespace

Json completion_schema() {
  return SchemaWriter()
      .with(std::span<const Field<R>>(fields))
      .with(generation_fields())
      .require({"prompt"})
      .take();
}

CompletionRequest parse_completion_request(const Json& body, const fleet::ModelCard& card,
                                           const GenerationDefaults& defaults) {
  CompletionRequest r;
  if (defaults.temperature) r.sampling.temperature = *defaults.temperature;
  FieldReader()
      .with(std::span<const Field<R>>(fields), r)
      .with<GenerationRequest>(generation_fields(), r)
      .with(structure_fields(), r.format)
      .read(body);
  complete_generation(r, card, defaults, default_max_tokens);
  if (r.prompts.empty()) bad_field("prompt", "'prompt' is required", "missing_parameter");
  if (r.prompts.size() * static_cast<size_t>(r.n) > max_choices)
    bad_field("n", fmt::format("{} prompts with n = {} are more than {} choices", r.prompts.size(),
                               r.n, max_choices), "invalid_value");
  if (r.best_of && *r.best_of != r.n)
    bad_field("best_of", fmt::format("'best_of' ({}) must equal 'n' ({})", *r.best_of, r.n),
              "unsupported_value");
  if (r.max_tokens == 0 && !r.echo)
    bad_field("max_tokens", "'max_tokens' may be 0 only with 'echo'", "invalid_value");
  for (size_t p = 0; p < r.prompts.size(); ++p) {
    const auto* ids = std::get_if<std::vector<engine::Token>>(&r.prompts[p]);
    for (size_t i = 0; ids && i < ids->size(); ++i)
      if ((*ids)[i] >= card.n_vocab)
        bad_field("prompt", fmt::format("'prompt': token id {} is not in the vocabulary of {} "
                                        "tokens", (*ids)[i], card.n_vocab), "invalid_value");
  }
  if (r.logprobs) r.sampling.logprobs = *r.logprobs;
  return r;
}

}  // namespace strata::serve
