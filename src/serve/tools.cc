#include "serve/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "serve/field.h"

namespace strata::serve {
namespace {

using ToolChoice = ToolUse::Choice;

dialect::Tool read_tool(const Json& tool, size_t index) {
  const Json& function = tool["function"];
  dialect::Tool out;
  out.name = function["name"].get<std::string>();
  const std::string path = fmt::format("tools[{}].function", index);
  if (const auto p = function.find("parameters"); p != function.end() && !p->is_null()) {
    check(object(), path + ".parameters", *p);
    out.parameters = *p;
  }
  if (const auto s = function.find("strict"); s != function.end() && !s->is_null()) {
    check(boolean(), path + ".strict", *s);
    out.strict = s->get<bool>();
  }
  return out;
}

[[noreturn]] void bad_choice(std::string message) {
  bad_field("tool_choice", std::move(message), "invalid_value");
}

/// Of {"type": "function", "function": {"name": N}}, or the shorter {"type": ..., "name": N}.
std::string chosen_name(const Json& choice) {
  const auto function = choice.find("function");
  const Json& holder = function != choice.end() && function->is_object() ? *function : choice;
  const auto name = holder.find("name");
  if (name == holder.end() || !name->is_string())
    bad_choice(
        "'tool_choice' must name a function: {\"type\": \"function\", \"function\": "
        "{\"name\": ...}}");
  return name->get<std::string>();
}

void keep_named(ToolUse& use, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (std::none_of(use.tools.begin(), use.tools.end(),
                     [&](const dialect::Tool& t) { return t.name == name; }))
      bad_choice(fmt::format("'tool_choice' names {}, which is not among 'tools'",
                             json_string(name.substr(0, 64))));
  std::erase_if(use.tools, [&](const dialect::Tool& t) {
    return std::find(names.begin(), names.end(), t.name) == names.end();
  });
}

void apply_choice(ToolUse& use, const Json& choice) {
  if (choice.is_null()) return;
  if (choice.is_string()) {
    if (choice == "auto") return;
    if (choice == "none") use.choice = ToolChoice::none;
    else if (choice == "required" || choice == "any") use.choice = ToolChoice::required;
    else bad_choice("'tool_choice' must be \"auto\", \"none\", \"required\" or a function");
    return;
  }
  if (!choice.is_object())
    bad_field("tool_choice", "'tool_choice' must be a string or an object", "invalid_type");
  if (choice.value("type", Json()) == "allowed_tools") {
    const Json allowed = choice.value("allowed_tools", choice);
    std::vector<std::string> names;
    for (const Json& tool : allowed.value("tools", Json::array()))
      names.push_back(chosen_name(tool));
    keep_named(use, names);
    if (use.tools.empty()) bad_choice("'tool_choice' allows no tool");
    if (allowed.value("mode", Json("auto")) == "required") use.choice = ToolChoice::required;
    return;
  }
  keep_named(use, {chosen_name(choice)});
  use.choice = ToolChoice::required;
  use.parallel = false;
}

}  // namespace

ToolUse read_tool_use(const Json& tools, const Json& choice, bool parallel) {
  ToolUse use;
  use.parallel = parallel;
  for (size_t i = 0; i < tools.size(); ++i) use.tools.push_back(read_tool(tools[i], i));
  if (use.tools.empty()) {
    if (!choice.is_null() && choice != "none") bad_choice("'tool_choice' needs 'tools'");
    return use;
  }
  use.choice = ToolChoice::automatic;
  apply_choice(use, choice);
  return use;
}

dialect::ToolTypes types_of(const std::vector<dialect::Tool>& tools) {
  using dialect::ParameterType;
  auto schemas = std::make_shared<std::map<std::string, Json, std::less<>>>();
  for (const dialect::Tool& t : tools)
    if (t.parameters.is_object() && t.parameters.contains("properties"))
      (*schemas)[t.name] = t.parameters["properties"];
  return {.type =
              [schemas](std::string_view tool, std::string_view name) {
                const auto found = schemas->find(tool);
                if (found == schemas->end() || !found->second.is_object())
                  return ParameterType::unknown;
                const auto parameter = found->second.find(std::string(name));
                if (parameter == found->second.end() || !parameter->is_object())
                  return ParameterType::unknown;
                const Json type = parameter->value("type", Json());
                if (type == "string") return ParameterType::text;
                return type.is_null() ? ParameterType::unknown : ParameterType::other;
              },
          .names =
              [schemas](std::string_view tool) {
                std::vector<std::string> names;
                const auto found = schemas->find(tool);
                if (found != schemas->end() && found->second.is_object())
                  for (const auto& [name, schema] : found->second.items()) names.push_back(name);
                return names;
              }};
}

void describe_tools(Json& messages, const std::vector<dialect::Tool>& tools, const Json& given) {
  std::string text =
      "You can call functions. To call some, answer with nothing but a JSON array: "
      "[{\"name\": FUNCTION, \"arguments\": {...}}]. Else answer in plain text. The functions:";
  for (const Json& tool : given)
    for (const dialect::Tool& t : tools)
      if (tool["function"]["name"] == t.name) text += "\n" + to_text(tool["function"]);
  for (Json& message : messages) {
    if (message["role"] != "assistant" || !message.contains("tool_calls")) continue;
    Json calls = Json::array();
    for (const Json& call : message["tool_calls"])
      calls.push_back(
          {{"name", call["function"]["name"]}, {"arguments", call["function"]["arguments"]}});
    if (!message["content"].is_string()) message["content"] = to_text(calls);
  }
  if (!messages.empty() && messages[0]["role"] == "system" && messages[0]["content"].is_string()) {
    messages[0]["content"] = messages[0]["content"].get<std::string>() + "\n\n" + text;
    return;
  }
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
}

}  // namespace strata::serve
