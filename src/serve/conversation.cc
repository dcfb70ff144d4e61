#include <fmt/format.h>

#include <algorithm>

#include "serve/chat_request.h"

namespace strata::serve {
namespace {

using R = Conversation;

constexpr double max_messages = 10'000, max_tools = 1024, max_parts = 1024;
constexpr size_t max_kwargs = 256;
constexpr std::string_view roles[] = {"system", "developer", "user", "assistant", "tool",
                                      "function"};
constexpr std::string_view reserved[] = {"messages", "tools", "documents", "add_generation_prompt"};

const Json* member(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json& required(const Json& object, std::string_view name, const std::string& path) {
  const Json* value = member(object, name);
  const std::string full = fmt::format("{}.{}", path, name);
  if (!value) bad_field(full, fmt::format("'{}' is required", full), "missing_parameter");
  return *value;
}

void set_kwargs(R& r, const Json& v) {
  for (std::string_view name : reserved)
    if (v.contains(name))
      bad_field("chat_template_kwargs",
                fmt::format("'chat_template_kwargs' may not set '{}': it is a field of the request",
                            name),
                "invalid_value");
  if (v.size() > max_kwargs)
    bad_field("chat_template_kwargs",
              fmt::format("'chat_template_kwargs' may hold {} members at most", max_kwargs),
              "invalid_value");
  r.kwargs.update(v);
}

/// Templates know a word for how much, or a switch for whether at all.
void set_effort(R& r, const Json& v) {
  r.kwargs["reasoning_effort"] = v;
  if (v == "none") r.kwargs["enable_thinking"] = false;
}

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"messages", array(1, max_messages), STRATA_SET(r.messages = v)},
    {"tools", array(0, max_tools), STRATA_SET(r.tools = v)},
    {"documents", array(0, max_messages), STRATA_SET(r.documents = v)},
    {"chat_template_kwargs", object(), set_kwargs},
    {"reasoning_effort", string(), set_effort},
    {"add_generation_prompt", boolean(),
     STRATA_SET(r.add_generation_prompt = v.get<bool>())},
    {"continue_final_message", boolean(), STRATA_SET(r.continue_final = v.get<bool>())},
    {"add_special_tokens", boolean(), STRATA_SET(r.add_special = v.get<bool>())},
    {"chat_template", refused("the model's own template is used"), nullptr},
    {"functions", refused("use tools"), nullptr},
};
#undef STRATA_SET

/// Text parts in one string, as templates expect it.
std::string join_parts(const Json& parts, const std::string& path) {
  check(array(1, max_parts), path, parts);
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string part_path = fmt::format("{}[{}]", path, i);
    check(object(), part_path, parts[i]);
    const Json& type = required(parts[i], "type", part_path);
    check(string(), part_path + ".type", type);
    const auto& name = type.get_ref<const std::string&>();
    if (name != "text" && name != "refusal")
      bad_field(part_path + ".type",
                fmt::format("'{}' is {}: this model takes text only", part_path + ".type",
                            json_string(name.substr(0, 40))),
                "unsupported_value");
    const Json& value = required(parts[i], name, part_path);
    check(string(), fmt::format("{}.{}", part_path, name), value);
    if (i > 0) text += '\n';
    text += value.get_ref<const std::string&>();
  }
  return text;
}

/// The API carries arguments as JSON in a string; templates want the object.
void open_arguments(Json& calls, const std::string& path) {
  check(array(0, max_tools), path, calls);
  for (size_t i = 0; i < calls.size(); ++i) {
    const std::string call_path = fmt::format("{}[{}]", path, i);
    check(object(), call_path, calls[i]);
    check(object(), call_path + ".function", required(calls[i], "function", call_path));
    Json& function = calls[i]["function"];
    check(string(), call_path + ".function.name",
          required(function, "name", call_path + ".function"));
    const std::string param = call_path + ".function.arguments";
    Json arguments = function.value("arguments", Json::object());
    if (arguments.is_string()) {
      const auto text = arguments.get<std::string>();
      try {
        arguments = text.empty() ? Json::object() : parse_json(text);
      } catch (const Error& e) {
        bad_field(param, fmt::format("'{}': {}", param, e.what()), "invalid_value");
      }
    }
    check(object(), param, arguments);
    function["arguments"] = std::move(arguments);
  }
}

void complete_message(Json& message, const std::string& path) {
  check(object(), path, message);
  const Json& role_value = required(message, "role", path);
  check(string(), path + ".role", role_value);
  const auto role = role_value.get<std::string>();
  if (std::find(std::begin(roles), std::end(roles), role) == std::end(roles))
    bad_field(path + ".role",
              fmt::format("'{}.role' must be one of {}, not {}", path, fmt::join(roles, ", "),
                          json_string(role.substr(0, 40))),
              "invalid_value");
  // The two names that clients give it; templates know the longer one.
  if (const Json* reasoning = member(message, "reasoning");
      reasoning && !member(message, "reasoning_content"))
    message["reasoning_content"] = *reasoning;
  if (role == "assistant" && member(message, "tool_calls"))
    open_arguments(message["tool_calls"], path + ".tool_calls");
  const Json* content = member(message, "content");
  if (!content) {
    if (role != "assistant" || !member(message, "tool_calls"))
      required(message, "content", path);
    message["content"] = nullptr;
  } else if (!content->is_string()) {
    if (!content->is_array())
      bad_field(path + ".content",
                fmt::format("'{}.content' must be a string or an array of parts, not {}", path,
                            kind_name(*content)),
                "invalid_type");
    message["content"] = join_parts(*content, path + ".content");
  }
}

void check_tools(const Json& tools) {
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    check(object(), path, tools[i]);
    const Json& type = required(tools[i], "type", path);
    if (type != "function")
      bad_field(path + ".type", fmt::format("'{}.type' must be \"function\"", path),
                "invalid_value");
    const Json& function = required(tools[i], "function", path);
    check(object(), path + ".function", function);
    check(string(), path + ".function.name", required(function, "name", path + ".function"));
  }
}

std::string_view trim(std::string_view s) {
  constexpr std::string_view space = " \t\n\r\f\v";
  const size_t first = s.find_first_not_of(space);
  if (first == s.npos) return {};
  return s.substr(first, s.find_last_not_of(space) - first + 1);
}

/// Cuts what the template writes after the last message, so that the model goes on with it.
void reopen_final(std::string& text, std::string_view content) {
  const size_t at = text.rfind(trim(content));
  if (at == text.npos)
    bad_field("continue_final_message",
              "the chat template changes the last message, so it cannot be continued",
              "invalid_value");
  // Trailing space of the message stays where the template kept it.
  const std::string_view from_start = content.substr(
      std::min(content.find_first_not_of(" \t\n\r\f\v"), content.size()));
  const bool whole = std::string_view(text).substr(at).starts_with(from_start);
  text.resize(at + (whole ? from_start : trim(content)).size());
}

}  // namespace

std::span<const Field<Conversation>> conversation_fields() { return fields; }

void complete_conversation(Conversation& c) {
  if (c.messages.is_null()) bad_field("messages", "'messages' is required", "missing_parameter");
  for (size_t i = 0; i < c.messages.size(); ++i)
    complete_message(c.messages[i], fmt::format("messages[{}]", i));
  check_tools(c.tools);
  if (c.continue_final) {
    if (c.add_generation_prompt.value_or(false))
      bad_field("continue_final_message",
                "'continue_final_message' contradicts 'add_generation_prompt': set one of them",
                "invalid_value");
    const Json& last = c.messages.back();
    if (last["role"] != "assistant" || !last["content"].is_string())
      bad_field("continue_final_message",
                "'continue_final_message' needs a last message with role assistant and text",
                "invalid_value");
  }
}

std::string render(const Conversation& c, const fleet::Model& model) {
  const model::ChatTemplate* chat_template = model.backend->chat_template();
  const model::Tokenizer& tokenizer = model.tokenizer();
  if (!chat_template)
    bad_field("messages",
              fmt::format("the model '{}' has no chat template: use /v1/completions, or serve an "
                          "instruction-tuned model", model.card.name),
              "chat_template_missing");
  Json context = c.kwargs;
  context["messages"] = c.messages;
  // Templates that do not know the newer name of the role would drop or refuse it.
  if (chat_template->source().find("developer") == std::string::npos)
    for (Json& message : context["messages"])
      if (message["role"] == "developer") message["role"] = "system";
  context["tools"] = c.tools.empty() ? Json() : c.tools;
  if (!c.documents.empty()) context["documents"] = c.documents;
  context["add_generation_prompt"] = !c.continue_final && c.add_generation_prompt.value_or(true);
  if (tokenizer.bos >= 0) context["bos_token"] = tokenizer.piece(tokenizer.bos);
  if (tokenizer.eos >= 0) context["eos_token"] = tokenizer.piece(tokenizer.eos);
  std::string text;
  try {
    text = chat_template->render(to_text(context));
  } catch (const Error& e) {
    bad_field("messages", e.what(), e.reason());
  }
  if (c.continue_final)
    reopen_final(text, c.messages.back()["content"].get_ref<const std::string&>());
  return text;
}

}  // namespace strata::serve
