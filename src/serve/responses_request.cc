#include "serve/responses_request.h"

#include "serve/field.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

constexpr double max_items = 10'000, max_tools = 1024;

using R = ResponsesRequest;

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"model", string(), STRATA_SET(r.chat["model"] = v)},
    {"input", any(), STRATA_SET(r.input = v)},
    {"instructions", string(), STRATA_SET(r.instructions = v)},
    {"previous_response_id", string(), STRATA_SET(r.previous_id = v.get<std::string>())},
    {"store", boolean(), STRATA_SET(r.store = v.get<bool>())},
    {"stream", boolean(), STRATA_SET(r.chat["stream"] = v)},
    {"temperature", number(0, 2), STRATA_SET(r.chat["temperature"] = v)},
    {"top_p", number(0, 1), STRATA_SET(r.chat["top_p"] = v)},
    {"max_output_tokens", integer(1), STRATA_SET(r.chat["max_tokens"] = v)},
    {"tools", array(0, max_tools), STRATA_SET(r.tools = v)},
    {"tool_choice", any(), STRATA_SET(r.tool_choice = v)},
    {"parallel_tool_calls", boolean(), STRATA_SET(r.chat["parallel_tool_calls"] = v)},
    {"text", object(), STRATA_SET(r.text = v)},
    {"reasoning", object(), STRATA_SET(r.reasoning = v)},
    {"metadata", object(), STRATA_SET(r.metadata = v)},
    {"user", string(), nullptr},
    {"include", array(0, 16), nullptr},
    {"truncation", string(), nullptr},
    {"service_tier", string(), nullptr},
    {"prompt_cache_key", string(), nullptr},
    {"safety_identifier", string(), nullptr},
    {"stream_options", object(), nullptr},
    {"top_logprobs", integer(0, 0), nullptr},
    {"background", refused("the answer comes at once; batches run later"), nullptr},
    {"conversation", refused("use previous_response_id"), nullptr},
    {"prompt", refused("there are no stored prompts here"), nullptr},
};
#undef STRATA_SET

/// What the assistant thinks, says and calls between two messages of others is one message.
Json& assistant_turn(Json& messages) {
  if (messages.empty() || messages.back()["role"] != "assistant")
    messages.push_back({{"role", "assistant"}, {"content", nullptr}});
  return messages.back();
}

void append_call(Json& messages, const Json& item, const std::string& path) {
  const Json call = {{"id", member(item, "call_id", path)},
                     {"type", "function"},
                     {"function", {{"name", member(item, "name", path)},
                                   {"arguments", member(item, "arguments", path)}}}};
  assistant_turn(messages)["tool_calls"].push_back(call);
}

void append_message(Json& messages, const Json& item, const std::string& path) {
  const auto content = item.find("content");
  if (content == item.end())
    bad_field(path + ".content", fmt::format("'{}.content' is required", path),
              "missing_parameter");
  const std::string role = member(item, "role", path);
  const std::string text =
      text_of(*content, path + ".content", {"input_text", "output_text", "text"});
  // What the assistant thought belongs to what it said next.
  const bool thought = role == "assistant" && !messages.empty() &&
                       messages.back()["role"] == role && messages.back()["content"].is_null() &&
                       !messages.back().contains("tool_calls");
  if (!thought) messages.push_back({{"role", role}});
  messages.back()["content"] = text;
}

/// The text, or the summary where the client was not given the text.
void append_reasoning(Json& messages, const Json& item, const std::string& path) {
  for (const char* name : {"content", "summary"}) {
    const auto parts = item.find(name);
    if (parts == item.end() || parts->is_null() || parts->empty()) continue;
    const std::string text =
        text_of(*parts, fmt::format("{}.{}", path, name), {"reasoning_text", "summary_text"});
    assistant_turn(messages)["reasoning_content"] = text;
    return;
  }
}

void append_item(Json& messages, const Json& item, const std::string& path) {
  check(object(), path, item);
  const std::string type =
      item.contains("type") ? member(item, "type", path) : std::string("message");
  if (type == "message") {
    append_message(messages, item, path);
  } else if (type == "function_call") {
    append_call(messages, item, path);
  } else if (type == "function_call_output") {
    const auto output = item.find("output");
    messages.push_back(
        {{"role", "tool"},
         {"tool_call_id", member(item, "call_id", path)},
         {"content", output == item.end()
                         ? std::string()
                         : text_of(*output, path + ".output", {"input_text", "output_text"})}});
  } else if (type == "reasoning") {
    append_reasoning(messages, item, path);
  } else {
    bad_field(path + ".type", fmt::format("'{}.type' is {}, which is not known", path,
                                          json_string(type.substr(0, 40))), "unsupported_value");
  }
}

void set_input(R& r) {
  if (r.input.is_string())
    r.input = Json::array({{{"type", "message"}, {"role", "user"}, {"content", r.input}}});
  check(array(1, max_items), "input", r.input);
  for (size_t i = 0; i < r.input.size(); ++i)
    append_item(r.messages, r.input[i], fmt::format("input[{}]", i));
  // An answer that ended within its reasoning said nothing.
  for (Json& message : r.messages)
    if (message["content"].is_null() && !message.contains("tool_calls")) message["content"] = "";
  if (r.messages.empty()) bad_field("input", "'input' holds no message", "invalid_value");
}

/// Tools stand flat here, in an object "function" there.
void set_tools(R& r) {
  if (r.tools.empty()) return;
  Json& out = r.chat["tools"] = Json::array();
  for (size_t i = 0; i < r.tools.size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    check(object(), path, r.tools[i]);
    if (member(r.tools[i], "type", path) != "function")
      bad_field(path + ".type", fmt::format("'{}.type': only functions are known here", path),
                "unsupported_value");
    member(r.tools[i], "name", path);
    Json function = Json::object();
    for (const auto& [name, value] : r.tools[i].items())
      if (name != "type") function[name] = value;
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  if (r.tool_choice.is_null()) return;
  r.chat["tool_choice"] = r.tool_choice;
  if (r.tool_choice.is_object() && r.tool_choice.contains("name"))
    r.chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", r.tool_choice["name"]}}}};
}

/// text.format is response_format, its schema one level up.
void set_format(R& r) {
  if (!r.text.is_object() || !r.text.contains("format")) return;
  const Json& format = r.text["format"];
  check(object(), "text.format", format);
  if (member(format, "type", "text.format") != "json_schema") {
    r.chat["response_format"] = format;
    return;
  }
  Json schema = Json::object();
  for (const auto& [name, value] : format.items())
    if (name != "type") schema[name] = value;
  r.chat["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

}  // namespace

Json responses_schema() {
  return SchemaWriter().with(std::span<const Field<R>>(fields)).require({"input"}).take();
}

ResponsesRequest parse_responses_request(const Json& body) {
  R r;
  FieldReader().with(std::span<const Field<R>>(fields), r).read(body);
  set_input(r);
  set_tools(r);
  set_format(r);
  if (r.reasoning.is_object() && r.reasoning.contains("effort") &&
      r.reasoning["effort"].is_string())
    r.chat["reasoning_effort"] = r.reasoning["effort"];
  return r;
}

Json join_messages(const ResponsesRequest& r, const Json& earlier) {
  Json messages = Json::array();
  if (r.instructions.is_string())
    messages.push_back({{"role", "system"}, {"content", r.instructions}});
  for (const Json& message : earlier) messages.push_back(message);
  for (const Json& message : r.messages) messages.push_back(message);
  return messages;
}

}  // namespace strata::serve
