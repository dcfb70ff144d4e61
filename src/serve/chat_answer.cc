#include "serve/chat_answer.h"

#include "serve/answer_json.h"

namespace strata::serve {
namespace {

using dialect::Event;

/// Mistral's templates take ids of nine letters and digits only.
std::string make_call_id(const dialect::Form* form) {
  constexpr size_t mistral = 9;
  const bool is_short = form && form->name.starts_with("mistral");
  return is_short ? make_id("").substr(0, mistral) : make_id("call_");
}

}  // namespace

ChatAnswer::ChatAnswer(const ChatAnswerOptions& options)
    : options_(options), parser_(dialect::make_parser(options.parser)) {}

std::vector<Json> ChatAnswer::push(std::string_view text, bool last) {
  std::vector<Json> deltas;
  if (!parser_) {
    if (!text.empty()) deltas.push_back({{"content", text}});
    return deltas;
  }
  dialect::Events events;
  parser_->push(text, events);
  if (last) parser_->finish(events);
  for (const Event& event : events) add(event, deltas);
  return deltas;
}

void ChatAnswer::add(const Event& event, std::vector<Json>& deltas) {
  switch (event.kind) {
    case Event::Kind::content: deltas.push_back({{"content", event.text}}); return;
    case Event::Kind::reasoning:
      if (options_.include_reasoning)
        deltas.push_back({{"reasoning", event.text}, {"reasoning_content", event.text}});
      return;
    case Event::Kind::call:
      n_call_ = event.call + 1;
      deltas.push_back(
          {{"tool_calls",
            Json::array({{{"index", event.call},
                          {"id", event.id.empty() ? make_call_id(options_.parser.form) : event.id},
                          {"type", "function"},
                          {"function", {{"name", event.text}, {"arguments", ""}}}}})}});
      return;
    case Event::Kind::arguments:
      deltas.push_back(
          {{"tool_calls",
            Json::array({{{"index", event.call}, {"function", {{"arguments", event.text}}}}})}});
  }
}

std::string ChatAnswer::finish_reason(const std::string& finish) const {
  return called() && finish == "stop" ? "tool_calls" : finish;
}

Json chat_message(ChatAnswer& answer, std::string_view text) {
  std::string content, reasoning;
  Json calls = Json::array();
  for (const Json& delta : answer.push(text, true)) {
    if (const auto c = delta.find("content"); c != delta.end()) content += c->get<std::string>();
    if (const auto r = delta.find("reasoning"); r != delta.end())
      reasoning += r->get<std::string>();
    const auto call = delta.find("tool_calls");
    if (call == delta.end()) continue;
    const Json& part = (*call)[0];
    if (part.contains("id")) {
      calls.push_back({{"id", part["id"]}, {"type", "function"}, {"function", part["function"]}});
    } else {
      auto& arguments = calls.back()["function"]["arguments"].get_ref<std::string&>();
      arguments += part["function"]["arguments"].get_ref<const std::string&>();
    }
  }
  Json message = {{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}};
  if (!content.empty() || (calls.empty() && reasoning.empty())) message["content"] = content;
  if (!reasoning.empty()) message["reasoning"] = message["reasoning_content"] = reasoning;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  return message;
}

}  // namespace strata::serve
