#include "serve/answer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

Json usage_json(const AnswerUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

void UsageChunks::stamp(Json& chunk, const AnswerUsage& usage) const {
  if (in_each) chunk["usage"] = usage_json(usage);
  else if (at_end) chunk["usage"] = nullptr;
}

void UsageChunks::append_last(std::string& out, const Json& head, const AnswerUsage& usage) const {
  if (!at_end) return;
  Json chunk = head;
  chunk["choices"] = Json::array();
  chunk["usage"] = usage_json(usage);
  append_event(out, chunk);
}

std::string_view finish_name(Finish finish) {
  if (finish == Finish::length) return "length";
  return finish == Finish::calls ? "tool_calls" : "stop";
}

Json message_json(const Blocks& blocks) {
  const std::string content = joined(blocks, Block::Kind::text);
  const std::string reasoning = joined(blocks, Block::Kind::reasoning);
  Json calls = Json::array();
  for (const Block& block : blocks)
    if (block.kind == Block::Kind::call)
      calls.push_back({{"id", block.id},
                       {"type", "function"},
                       {"function", {{"name", block.name}, {"arguments", block.text}}}});
  Json message = {{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}};
  if (!content.empty() || (calls.empty() && reasoning.empty())) message["content"] = content;
  if (!reasoning.empty()) message["reasoning"] = message["reasoning_content"] = reasoning;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  return message;
}

Json arguments_json(const Block& call) {
  Json arguments = Json::parse(call.text, nullptr, false);
  return arguments.is_object() ? arguments : Json::object();
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

Json logprobs_json(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer) {
  Json content = Json::array();
  for (const auto& g : tokens) {
    Json entry = token_json(g.token, g.logprob, tokenizer);
    Json& top = entry["top_logprobs"] = Json::array();
    for (const auto& t : g.top) top.push_back(token_json(t.token, t.logprob, tokenizer));
    content.push_back(std::move(entry));
  }
  return content;
}

Json chat_logprobs(std::span<const engine::Generated> tokens, const model::Tokenizer& tokenizer) {
  return {{"content", logprobs_json(tokens, tokenizer)}, {"refusal", nullptr}};
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
