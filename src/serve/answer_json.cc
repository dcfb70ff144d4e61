#include "serve/answer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/clock.h"

namespace strata::serve {
namespace {

constexpr double lowest_logprob = -9999;   // JSON has no infinity

double finite(float logprob) {
  return std::isfinite(logprob) ? static_cast<double>(logprob) : lowest_logprob;
}

Json token_json(engine::Token id, float logprob, const model::Tokenizer& tokenizer) {
  const std::string bytes = tokenizer.bytes(id, false);
  Json values = Json::array();
  for (unsigned char b : bytes) values.push_back(b);
  return {{"token", bytes}, {"logprob", finite(logprob)}, {"bytes", std::move(values)}};
}

bool is_utf8(const std::string& bytes) {
  try {
    (void)Json(bytes).dump();   // strict: throws for anything ill-formed
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string legacy_token(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  std::string text = "bytes:";
  for (unsigned char b : bytes) text += fmt::format("\\x{:02x}", b);
  return text;
}

size_t count_characters(const std::string& bytes) {
  return static_cast<size_t>(std::count_if(bytes.begin(), bytes.end(), [](unsigned char b) {
    return (b & 0xc0) != 0x80;
  }));
}

}  // namespace

std::string make_id(std::string_view prefix) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{}{:016x}{:08x}", prefix, random(), static_cast<uint32_t>(random()));
}

Json usage_json(const engine::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

Json answer_head(const std::string& id, std::string_view object, const fleet::ModelCard& card) {
  return {{"id", id},
          {"object", object},
          {"created", unix_time_s()},
          {"model", card.name},
          {"system_fingerprint", card.fingerprint}};
}

void append_event(std::string& out, const Json& json) {
  out += "data: ";
  out += to_text(json);
  out += "\n\n";
}

Json chat_logprobs(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer) {
  Json content = Json::array();
  for (const auto& g : tokens) {
    Json entry = token_json(g.token, g.logprob, tokenizer);
    Json& top = entry["top_logprobs"] = Json::array();
    for (const auto& t : g.top) top.push_back(token_json(t.token, t.logprob, tokenizer));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json prompt_logprobs(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer) {
  Json list = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i == 0) {
      list.push_back(nullptr);
      continue;
    }
    Json entry = Json::object();
    const auto add = [&](engine::Token id, float logprob, int rank) {
      entry[std::to_string(id)] = {{"logprob", finite(logprob)},
                                   {"rank", rank},
                                   {"decoded_token", legacy_token(tokenizer.bytes(id, false))}};
    };
    int rank = 0;
    for (const auto& t : tokens[i].top) add(t.token, t.logprob, ++rank);
    add(tokens[i].token, tokens[i].logprob, tokens[i].rank);
    list.push_back(std::move(entry));
  }
  return list;
}

Json LegacyLogprobs::take(std::span<const engine::Generated> tokens,
                          const model::Tokenizer& tokenizer) {
  Json offsets = Json::array(), logprobs = Json::array(), texts = Json::array(),
       tops = Json::array();
  for (const auto& g : tokens) {
    const bool first = std::exchange(at_start, false);
    const std::string bytes = tokenizer.bytes(g.token, first);
    texts.push_back(legacy_token(bytes));
    offsets.push_back(offset);
    offset += count_characters(bytes);
    if (first) {
      logprobs.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    logprobs.push_back(finite(g.logprob));
    Json best = Json::object();
    for (const auto& t : g.top)
      best[legacy_token(tokenizer.bytes(t.token, false))] = finite(t.logprob);
    // The chosen token is listed even when it is not among the best.
    best[legacy_token(bytes)] = finite(g.logprob);
    tops.push_back(std::move(best));
  }
  return {{"text_offset", std::move(offsets)},
          {"token_logprobs", std::move(logprobs)},
          {"tokens", std::move(texts)},
          {"top_logprobs", std::move(tops)}};
}

}  // namespace strata::serve
