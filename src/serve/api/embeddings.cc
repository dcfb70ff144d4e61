// POST /v1/embeddings
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>

#include "serve/error.h"
#include "serve/prompt_input.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

constexpr size_t max_inputs = 2048;   // as the OpenAI API documents
constexpr int max_dimensions = 1 << 20;

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

std::vector<std::vector<engine::Token>> tokenise(const EmbeddingRequest& r,
                                                 const fleet::Backend& backend) {
  const fleet::Backend::Info info = backend.info();
  const int most = r.truncate.value_or(0) < 0 ? info.max_model_len : r.truncate.value_or(0);
  std::vector<std::vector<engine::Token>> all;
  for (const PromptInput& input : r.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    auto& ids = all.emplace_back(text ? backend.encode(*text, most)
                                      : std::get<std::vector<engine::Token>>(input));
    const std::string name = fmt::format("'input' {}", all.size() - 1);
    if (ids.empty()) bad_field("input", name + " is empty", "invalid_value");
    for (engine::Token id : ids)
      if (id >= info.n_vocab)
        bad_field("input", fmt::format("{}: token id {} is not in the vocabulary of {} tokens",
                                       name, id, info.n_vocab), "invalid_value");
  }
  return all;
}

// The first dimensions of a vector trained so that they are one. Source: arXiv:2205.13147.
void shorten(std::vector<float>& v, int dimensions) {
  v.resize(static_cast<size_t>(dimensions));
  double square = 0;
  for (float x : v) square += double{x} * x;
  const double factor = 1 / std::max(std::sqrt(square), 1e-12);
  for (float& x : v) x = static_cast<float>(x * factor);
}

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

std::string answer(std::vector<std::vector<float>>& vectors, const EmbeddingRequest& r,
                   const std::string& model, size_t tokens) {
  std::string body = R"({"object":"list","data":[)";
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (r.dimensions) shorten(vectors[i], *r.dimensions);
    if (!std::all_of(vectors[i].begin(), vectors[i].end(),
                     [](float x) { return std::isfinite(x); }))
      fail(Code::internal, "the model gives values that are no numbers");
    body += i ? "," : "";
    body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    append(body, vectors[i], r.base64);
    body += '}';
  }
  const Json rest = {{"model", model},
                     {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
  return body + "]," + to_text(rest).substr(1);
}

void embed(Call& call) {
  auto r = std::make_shared<EmbeddingRequest>();
  FieldReader().with(std::span<const Field<EmbeddingRequest>>(fields), *r).read(call.body);
  if (r->inputs.empty()) bad_field("input", "'input' is required", "missing_parameter");
  fleet::Backend& backend = *call.model->backend;
  const int width = backend.info().embedding_width;
  if (width > 0 && r->dimensions && *r->dimensions > width)
    bad_field("dimensions", fmt::format("'dimensions' ({}) must be at most {}", *r->dimensions,
                                        width), "invalid_value");
  auto inputs = tokenise(*r, backend);
  size_t tokens = 0;
  for (const auto& ids : inputs) tokens += ids.size();
  backend.embed(std::move(inputs),
                [exchange = call.exchange, model = call.model, r, tokens](
                    std::vector<std::vector<float>> vectors, const std::string& error) {
                  try {
                    if (!error.empty()) fail(Code::internal, "{}", error);
                    exchange->reply(200, "application/json",
                                    answer(vectors, *r, model->card.name, tokens));
                  } catch (const Error& e) {
                    reply_error(*exchange, e);
                  }
                });
}

const Route routes[] = {{"POST", "/v1/embeddings", embed, "vectors of texts or token ids"}};
const Registry<Api> registered{Api{"embeddings", routes}};

}  // namespace
}  // namespace strata::serve
