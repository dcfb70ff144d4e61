// POST /v1/embeddings
#include <openssl/evp.h>

#include "serve/embedding.h"

namespace strata::serve {
namespace {

constexpr size_t max_inputs = 2048;   // as the OpenAI API documents

struct EmbeddingRequest {
  std::string model;
  std::vector<PromptInput> inputs;
  bool base64 = false;
  std::optional<int> dimensions, truncate;
};

void set_format(EmbeddingRequest& r, const Json& v) {
  if (v != "float" && v != "base64")
    bad_field("encoding_format", "'encoding_format' must be \"float\" or \"base64\"",
              "invalid_value");
  r.base64 = v == "base64";
}

#define STRATA_SET(statement) [](EmbeddingRequest& r, const Json& v) { statement; }
const Field<EmbeddingRequest> fields[] = {
    {"model", string(), STRATA_SET(r.model = v.get<std::string>())},
    {"input", any(), STRATA_SET(r.inputs = read_inputs("input", v, max_inputs))},
    {"encoding_format", string(), set_format},
    {"dimensions", integer(1, max_dimensions), STRATA_SET(r.dimensions = v.get<int>())},
    {"truncate_prompt_tokens", integer(-1), STRATA_SET(r.truncate = v.get<int>())},
    {"user", string(), nullptr},
};
#undef STRATA_SET

void append(std::string& out, const std::vector<float>& v, bool base64) {
  if (base64) {
    const size_t bytes = v.size() * sizeof(float), begin = out.size() + 1;
    out.resize(begin + (bytes + 2) / 3 * 4 + 1, '"');   // the end is EVP_EncodeBlock's '\0'
    out[begin - 1] = '"';
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                    reinterpret_cast<const unsigned char*>(v.data()), static_cast<int>(bytes));
    out.back() = '"';
    return;
  }
  out += '[';
  for (size_t i = 0; i < v.size(); ++i)
    fmt::format_to(std::back_inserter(out), "{}{}", i ? "," : "", v[i]);
  out += ']';
}

std::string answer(const std::vector<std::vector<float>>& vectors, bool base64,
                   const std::string& model, size_t tokens) {
  std::string body = R"({"object":"list","data":[)";
  for (size_t i = 0; i < vectors.size(); ++i) {
    body += i ? "," : "";
    body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    append(body, vectors[i], base64);
    body += '}';
  }
  const Json rest = {{"model", model},
                     {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
  return body + "]," + to_text(rest).substr(1);
}

void embed(Call& call) {
  EmbeddingRequest r;
  FieldReader().with(std::span<const Field<EmbeddingRequest>>(fields), r).read(call.body);
  if (r.inputs.empty()) bad_field("input", "'input' is required", "missing_parameter");
  auto inputs = tokenise_inputs("input", r.inputs, *call.model->backend, r.truncate.value_or(-1));
  const size_t tokens = count_tokens(inputs);
  embed_inputs(call, std::move(inputs), r.dimensions,
               [base64 = r.base64, tokens, name = call.card().name](const auto& vectors) {
                 return answer(vectors, base64, name, tokens);
               });
}

Json schema() {
  return SchemaWriter()
      .with(std::span<const Field<EmbeddingRequest>>(fields))
      .require({"input"})
      .take();
}

const Route routes[] = {
    {"POST", "/v1/embeddings", embed, "vectors of texts or token ids", schema}};
const Registry<Api> registered{Api{"embeddings", routes}};

}  // namespace
}  // namespace strata::serve
