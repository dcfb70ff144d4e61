// Ollama's vectors: POST /api/embed, /api/embeddings
#include "base/clock.h"
#include "serve/embedding.h"
#include "serve/field.h"
#include "serve/ollama_request.h"

namespace strata::serve {
namespace {

constexpr size_t max_inputs = 2048;

struct EmbedRequest {
  std::vector<PromptInput> inputs;
  bool truncate = true;
  std::optional<int> dimensions;
  std::optional<double> keep_alive_s;
};

#define STRATA_SET(statement) [](EmbedRequest& r, const Json& v) { statement; }
const Field<EmbedRequest> embed_fields[] = {
    {"model", string(), nullptr},
    {"input", any(), STRATA_SET(r.inputs = read_inputs("input", v, max_inputs))},
    {"prompt", string(), STRATA_SET(r.inputs = read_inputs("prompt", v, 1))},
    {"truncate", boolean(), STRATA_SET(r.truncate = v.get<bool>())},
    {"dimensions", integer(1, max_dimensions), STRATA_SET(r.dimensions = v.get<int>())},
    {"keep_alive", any(), STRATA_SET(r.keep_alive_s = parse_keep_alive(v))},
    {"options", object(), nullptr},
};
#undef STRATA_SET

/// `many`: the form of /api/embed; else of the older /api/embeddings.
void embed_as(Call& call, bool many) {
  EmbedRequest r;
  FieldReader().with(std::span<const Field<EmbedRequest>>(embed_fields), r).read(call.body);
  if (r.inputs.empty())
    bad_field(many ? "input" : "prompt", "there is nothing to embed", "missing_parameter");
  if (r.keep_alive_s) call.service.fleet->keep_alive(call.card().name, *r.keep_alive_s);
  auto inputs = tokenise_inputs("input", r.inputs, *call.model->backend, r.truncate ? -1 : 0);
  const double loaded_s = now_s();
  const size_t tokens = count_tokens(inputs);
  embed_inputs(call, std::move(inputs), r.dimensions,
               [many, tokens, loaded_s, arrived_s = call.arrived_s,
                name = call.card().name](const std::vector<std::vector<float>>& vectors) {
                 if (!many) return to_text({{"embedding", vectors.front()}});
                 const auto ns = [](double s) { return static_cast<int64_t>(s * 1e9); };
                 return to_text({{"model", name},
                                 {"embeddings", vectors},
                                 {"total_duration", ns(now_s() - arrived_s)},
                                 {"load_duration", ns(loaded_s - arrived_s)},
                                 {"prompt_eval_count", tokens}});
               });
}

void embed(Call& call) { embed_as(call, true); }
void embed_one(Call& call) { embed_as(call, false); }

Json embed_schema() {
  return SchemaWriter().with(std::span<const Field<EmbedRequest>>(embed_fields)).take();
}

const Route routes[] = {
    {"POST", "/api/embed", embed, "vectors of texts, in Ollama's form", embed_schema},
    {"POST", "/api/embeddings", embed_one, "the vector of a text, in Ollama's older form",
     embed_schema}};
const Registry<Api> registered{Api{"ollama_embed", routes}};

}  // namespace
}  // namespace strata::serve
