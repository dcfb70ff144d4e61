#include "serve/anthropic_request.h"

#include "serve/field.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

constexpr double max_messages = 10'000, max_blocks = 1024, max_tools = 1024, max_stops = 16;

struct R {
  Json chat = Json::object();
  Json system, messages, tools, tool_choice, thinking, format, config;
  bool has_max_tokens = false;
};

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"model", string(), STRATA_SET(r.chat["model"] = v)},
    {"messages", array(1, max_messages), STRATA_SET(r.messages = v)},
    {"system", any(), STRATA_SET(r.system = v)},
    {"max_tokens", integer(1), STRATA_SET(r.chat["max_tokens"] = v; r.has_max_tokens = true)},
    {"temperature", number(0, 1), STRATA_SET(r.chat["temperature"] = v)},
    {"top_p", number(0, 1), STRATA_SET(r.chat["top_p"] = v)},
    {"top_k", integer(0), STRATA_SET(r.chat["top_k"] = v)},
    {"stop_sequences", array(0, max_stops),
     STRATA_SET(if (!v.empty()) r.chat["stop"] = v)},
    {"stream", boolean(), STRATA_SET(r.chat["stream"] = v)},
    {"tools", array(0, max_tools), STRATA_SET(r.tools = v)},
    {"tool_choice", object(), STRATA_SET(r.tool_choice = v)},
    {"thinking", object(), STRATA_SET(r.thinking = v)},
    {"output_format", object(), STRATA_SET(r.format = v)},
    {"output_config", object(), STRATA_SET(r.config = v)},
    {"metadata", object(), nullptr},
    {"service_tier", string(), nullptr},
    {"container", any(), nullptr},
    {"mcp_servers", refused("there are no MCP servers here"), nullptr},
};
#undef STRATA_SET

Json tool_call(const Json& block, const std::string& path) {
  const Json input = block.value("input", Json::object());
  check(object(), path + ".input", input);
  return {{"id", member(block, "id", path)},
          {"type", "function"},
          {"function", {{"name", member(block, "name", path)}, {"arguments", to_text(input)}}}};
}

Json tool_result(const Json& block, const std::string& path) {
  const auto content = block.find("content");
  const bool none = content == block.end() || content->is_null();
  return {{"role", "tool"},
          {"tool_call_id", member(block, "tool_use_id", path)},
          {"content", none ? std::string() : text_of(*content, path + ".content", {"text"})}};
}

/// Blocks of one message: its results come before its text, as the API demands.
void append_blocks(Json& out, const std::string& role, const Json& blocks,
                   const std::string& path) {
  check(array(1, max_blocks), path, blocks);
  Json calls = Json::array();
  std::string text, thinking;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    check(object(), at, blocks[i]);
    const std::string type = member(blocks[i], "type", at);
    if (type == "text") {
      if (!text.empty()) text += '\n';
      text += member(blocks[i], "text", at);
    } else if (type == "tool_use") {
      calls.push_back(tool_call(blocks[i], at));
    } else if (type == "tool_result") {
      out.push_back(tool_result(blocks[i], at));
    } else if (type == "thinking") {
      thinking += member(blocks[i], "thinking", at);
    } else if (type != "redacted_thinking") {
      bad_field(at + ".type",
                fmt::format("'{}.type' is {}: this model takes text only", at,
                            json_string(type.substr(0, 40))),
                "unsupported_value");
    }
  }
  if (text.empty() && calls.empty()) return;
  Json message = {{"role", role}, {"content", text}};
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  if (!thinking.empty()) message["reasoning_content"] = thinking;
  out.push_back(std::move(message));
}

Json messages_of(const R& r) {
  Json out = Json::array();
  if (!r.system.is_null())
    out.push_back({{"role", "system"}, {"content", text_of(r.system, "system", {"text"})}});
  for (size_t i = 0; i < r.messages.size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    const Json& message = r.messages[i];
    check(object(), path, message);
    const std::string role = member(message, "role", path);
    if (role != "user" && role != "assistant" && role != "system")
      bad_field(path + ".role",
                fmt::format("'{}.role' must be user or assistant, not {}", path,
                            json_string(role.substr(0, 40))),
                "invalid_value");
    const auto content = message.find("content");
    if (content == message.end())
      bad_field(path + ".content", fmt::format("'{}.content' is required", path),
                "missing_parameter");
    if (content->is_string()) out.push_back({{"role", role}, {"content", *content}});
    else append_blocks(out, role, *content, path + ".content");
  }
  return out;
}

Json tools_of(const Json& tools) {
  Json out = Json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    check(object(), path, tools[i]);
    if (tools[i].contains("type") && tools[i]["type"] != "custom")
      bad_field(path + ".type", fmt::format("'{}.type': only tools of your own are known", path),
                "unsupported_value");
    Json function = {{"name", member(tools[i], "name", path)}};
    if (tools[i].contains("description")) function["description"] = tools[i]["description"];
    function["parameters"] = tools[i].value("input_schema", Json::object());
    if (tools[i].contains("strict")) function["strict"] = tools[i]["strict"];
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

Json choice_of(const Json& choice) {
  const std::string type = member(choice, "type", "tool_choice");
  if (type == "auto" || type == "none") return type;
  if (type == "any") return "required";
  if (type != "tool")
    bad_field("tool_choice.type", "'tool_choice.type' must be auto, any, tool or none",
              "invalid_value");
  return {{"type", "function"}, {"function", {{"name", member(choice, "name", "tool_choice")}}}};
}

/// What the API leaves out unless it is asked for.
void set_thinking(R& r) {
  const std::string type =
      r.thinking.is_null() ? "disabled" : member(r.thinking, "type", "thinking");
  if (type != "enabled" && type != "adaptive" && type != "disabled")
    bad_field("thinking.type", "'thinking.type' must be enabled, adaptive or disabled",
              "invalid_value");
  const bool on = type != "disabled";
  r.chat["chat_template_kwargs"] = {{"enable_thinking", on}};
  r.chat["include_reasoning"] = on;
  const auto budget = r.thinking.is_null() ? r.thinking.end() : r.thinking.find("budget_tokens");
  if (type != "enabled" || budget == r.thinking.end()) return;
  check(integer(1), "thinking.budget_tokens", *budget);
  r.chat["thinking_budget"] = *budget;
}

/// {"type": "json_schema", "schema": S}
void set_format(R& r) {
  if (r.config.is_object() && r.config.contains("effort"))
    r.chat["reasoning_effort"] = r.config["effort"];
  const bool nested = r.config.is_object() && r.config.contains("format");
  const Json& format = nested ? r.config["format"] : r.format;
  if (format.is_null()) return;
  const std::string path = nested ? "output_config.format" : "output_format";
  check(object(), path, format);
  if (member(format, "type", path) != "json_schema" || !format.contains("schema"))
    bad_field(path,
              fmt::format("'{}' must be {{\"type\": \"json_schema\", \"schema\": ...}}", path),
              "invalid_value");
  r.chat["response_format"] = {
      {"type", "json_schema"}, {"json_schema", {{"name", "format"}, {"schema", format["schema"]}}}};
}

/// Where the last message is the assistant's, the answer goes on with it.
void continue_last(Json& chat) {
  if (chat["messages"].empty()) return;
  const Json& last = chat["messages"].back();
  if (last["role"] == "assistant" && !last.contains("tool_calls"))
    chat["continue_final_message"] = true;
}

}  // namespace

Json anthropic_schema() {
  return SchemaWriter().with(std::span<const Field<R>>(fields)).require({"messages"}).take();
}

Json chat_from_anthropic(const Json& body, bool counts_only) {
  R r;
  FieldReader().with(std::span<const Field<R>>(fields), r).read(body);
  if (r.messages.is_null())
    bad_field("messages", "'messages' is required", "missing_parameter");
  if (!r.has_max_tokens && !counts_only)
    bad_field("max_tokens", "'max_tokens' is required", "missing_parameter");
  r.chat["messages"] = messages_of(r);
  if (r.chat["messages"].empty())
    bad_field("messages", "'messages' hold no text", "invalid_value");
  if (!r.tools.empty()) r.chat["tools"] = tools_of(r.tools);
  if (!r.tool_choice.is_null()) {
    r.chat["tool_choice"] = choice_of(r.tool_choice);
    if (r.tool_choice.value("disable_parallel_tool_use", Json(false)) == true)
      r.chat["parallel_tool_calls"] = false;
  }
  set_thinking(r);
  set_format(r);
  continue_last(r.chat);
  return std::move(r.chat);
}

}  // namespace strata::serve
