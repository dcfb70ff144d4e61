#include "serve/embedding.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "serve/error.h"

namespace strata::serve {
namespace {

// The first dimensions of a vector trained so that they are one. Source: arXiv:2205.13147.
void shorten(std::vector<float>& v, int dimensions) {
  v.resize(static_cast<size_t>(dimensions));
  double square = 0;
  for (float x : v) square += double{x} * x;
  const double factor = 1 / std::max(std::sqrt(square), 1e-12);
  for (float& x : v) x = static_cast<float>(x * factor);
}

void finish(std::vector<std::vector<float>>& vectors, const std::optional<int>& dimensions) {
  for (std::vector<float>& v : vectors) {
    if (dimensions) shorten(v, *dimensions);
    if (!std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); }))
      fail(Code::internal, "the model gives values that are no numbers");
  }
}

}  // namespace

std::vector<std::vector<engine::Token>> tokenise_inputs(std::string_view field,
                                                        const std::vector<PromptInput>& inputs,
                                                        const fleet::Backend& backend, int most) {
  const fleet::Backend::Info info = backend.info();
  if (most < 0) most = info.max_model_len;
  std::vector<std::vector<engine::Token>> all;
  for (const PromptInput& input : inputs) {
    const auto* text = std::get_if<std::string>(&input);
    auto& ids = all.emplace_back(text ? backend.encode(*text, most)
                                      : std::get<std::vector<engine::Token>>(input));
    const std::string name = fmt::format("'{}' {}", field, all.size() - 1);
    if (ids.empty()) bad_field(field, name + " is empty", "invalid_value");
    for (engine::Token id : ids)
      if (id >= info.n_vocab)
        bad_field(field, fmt::format("{}: token id {} is not in the vocabulary of {} tokens",
                                     name, id, info.n_vocab), "invalid_value");
  }
  return all;
}

size_t count_tokens(const std::vector<std::vector<engine::Token>>& inputs) {
  size_t n = 0;
  for (const auto& ids : inputs) n += ids.size();
  return n;
}

void embed_inputs(const Call& call, std::vector<std::vector<engine::Token>> inputs,
                  std::optional<int> dimensions,
                  std::function<std::string(const std::vector<std::vector<float>>&)> write) {
  fleet::Backend& backend = *call.model->backend;
  const int width = backend.info().embedding_width;
  if (width > 0 && dimensions && *dimensions > width)
    bad_field("dimensions", fmt::format("'dimensions' ({}) must be at most {}", *dimensions,
                                        width), "invalid_value");
  const auto ticket = call.service.keys.ticket(call.service.tenant_of(call.exchange->request()));
  const size_t tokens = count_tokens(inputs);
  if (ticket) ticket->reserve({.prompt_tokens = static_cast<int64_t>(tokens), .n = 0});
  backend.embed(std::move(inputs),
                [exchange = call.exchange, model = call.model, dimensions, ticket, tokens,
                 write = std::move(write)](std::vector<std::vector<float>> vectors,
                                           const std::string& error) {
                  try {
                    if (!error.empty()) fail(Code::internal, "{}", error);
                    finish(vectors, dimensions);
                    if (ticket)
                      ticket->settle(model->card.name,
                                     {.prompt_tokens = static_cast<int>(tokens)});
                    exchange->reply(200, "application/json", write(vectors));
                  } catch (const Error& e) {
                    reply_error(*exchange, e);
                  } catch (const std::exception& e) {
                    log::error("embedding: {}", e.what());
                    reply_error(*exchange, Error(Code::internal, "internal error"));
                  }
                });
}

}  // namespace strata::serve
