#include "serve/ollama_request.h"

#include <charconv>
#include <deque>

#include "serve/field.h"
#include "serve/generation_request.h"

namespace strata::serve {
namespace {

constexpr double max_messages = 10'000, max_tools = 1024, max_stops = 16, max_seconds = 1e9;

struct R {
  OllamaRequest out;
  Json messages, tools, prompt, system, suffix, think, format;
  bool logprobs = false;
  std::optional<int> top_logprobs;
  int num_ctx = 0;
};

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
// Names and meanings are those of a model file's parameters.
const Field<R> option_fields[] = {
    {"temperature", number(0, 2), STRATA_SET(r.out.body["temperature"] = v)},
    {"top_k", integer(0), STRATA_SET(r.out.body["top_k"] = v)},
    {"top_p", number(0, 1), STRATA_SET(r.out.body["top_p"] = v)},
    {"min_p", number(0, 1), STRATA_SET(r.out.body["min_p"] = v)},
    {"typical_p", number(0, 1), STRATA_SET(r.out.body["typical_p"] = v)},
    {"seed", integer(-9e15, 9e15), STRATA_SET(r.out.body["seed"] = v.get<int64_t>())},
    {"num_predict", integer(-2),
     STRATA_SET(if (v.get<int>() > 0) r.out.body["max_tokens"] = v)},
    {"num_ctx", integer(1), STRATA_SET(r.num_ctx = v.get<int>())},
    {"stop", array(0, max_stops), STRATA_SET(if (!v.empty()) r.out.body["stop"] = v)},
    {"repeat_penalty", number(0.01, 100), STRATA_SET(r.out.body["repetition_penalty"] = v)},
    {"presence_penalty", number(-2, 2), STRATA_SET(r.out.body["presence_penalty"] = v)},
    {"frequency_penalty", number(-2, 2), STRATA_SET(r.out.body["frequency_penalty"] = v)},
    {"mirostat", integer(0, 2), STRATA_SET(r.out.body["mirostat"] = v)},
    {"mirostat_tau", number(0, 100), STRATA_SET(r.out.body["mirostat_tau"] = v)},
    {"mirostat_eta", number(0, 1), STRATA_SET(r.out.body["mirostat_eta"] = v)},
    // Of the machine, which the server's operator decides.
    {"repeat_last_n", any(), nullptr},
    {"num_keep", any(), nullptr},
    {"num_batch", any(), nullptr},
    {"num_gpu", any(), nullptr},
    {"main_gpu", any(), nullptr},
    {"num_thread", any(), nullptr},
    {"use_mmap", any(), nullptr},
    {"use_mlock", any(), nullptr},
    {"numa", any(), nullptr},
    {"low_vram", any(), nullptr},
    {"tfs_z", any(), nullptr},
    {"penalize_newline", any(), nullptr},
};

void set_options(R& r, const Json& v) {
  FieldReader().with(std::span<const Field<R>>(option_fields), r).read(v, "options.");
}

const Field<R> common_fields[] = {
    {"model", string(), STRATA_SET(r.out.body["model"] = v)},
    {"stream", boolean(), STRATA_SET(r.out.body["stream"] = v)},
    {"options", object(), set_options},
    {"keep_alive", any(), STRATA_SET(r.out.keep_alive_s = parse_keep_alive(v))},
    {"format", any(), STRATA_SET(r.format = v)},
    {"think", any(), STRATA_SET(r.think = v)},
    {"logprobs", boolean(), STRATA_SET(r.logprobs = v.get<bool>())},
    {"top_logprobs", integer(0, max_top_logprobs), STRATA_SET(r.top_logprobs = v.get<int>())},
};
const Field<R> chat_fields[] = {
    {"messages", array(0, max_messages), STRATA_SET(r.messages = v)},
    {"tools", array(0, max_tools), STRATA_SET(r.tools = v)},
};
const Field<R> generate_fields[] = {
    {"prompt", string(), STRATA_SET(r.prompt = v)},
    {"system", string(), STRATA_SET(r.system = v)},
    {"raw", boolean(), STRATA_SET(r.out.raw = v.get<bool>())},
    {"suffix", string(), STRATA_SET(r.suffix = v)},
    {"template", refused("the model's own template is used"), nullptr},
    {"context", refused("use /api/chat with the messages"), nullptr},
    {"images", refused("this model takes text only"), nullptr},
};
#undef STRATA_SET

void set_format(R& r) {
  if (r.format.is_null() || r.format == "") return;
  if (r.format == "json") {
    r.out.body["response_format"] = {{"type", "json_object"}};
  } else {
    check(object(), "format", r.format);
    r.out.body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "format"}, {"schema", r.format}}}};
  }
}

/// true, false or how much.
void set_think(R& r) {
  const bool is_switch = r.think.is_boolean();
  if (!is_switch) check(string(), "think", r.think);
  const bool on = !is_switch || r.think.get<bool>();
  r.out.thinks = on;
  r.out.body["chat_template_kwargs"] = {{"enable_thinking", on}};
  if (!is_switch) r.out.body["reasoning_effort"] = r.think;
}

/// As the chat form has them; the form without a template counts the best tokens in "logprobs".
void set_logprobs(R& r) {
  if (!r.logprobs && !r.top_logprobs) return;
  if (r.out.raw) {
    r.out.body["logprobs"] = r.top_logprobs.value_or(0);
    return;
  }
  r.out.body["logprobs"] = true;
  r.out.body["top_logprobs"] = r.top_logprobs.value_or(0);
}

void complete(R& r, const fleet::ModelCard& card) {
  if (!r.out.body.contains("stream")) r.out.body["stream"] = true;
  if (r.num_ctx > card.max_model_len)
    bad_field("options.num_ctx",
              fmt::format("'options.num_ctx' is {}, but the model is served with a context of {} "
                          "tokens: start the server with a larger --max-model-len",
                          r.num_ctx, card.max_model_len),
              "invalid_value");
  set_format(r);
  set_logprobs(r);
  if (!r.think.is_null()) set_think(r);
}

/// Calls and their results may come without ids: they belong together by their order.
class CallIds {
 public:
  std::string of_call() {
    waiting_.push_back(make());
    return waiting_.back();
  }
  std::string of_result() {
    if (waiting_.empty()) return make();
    std::string id = std::move(waiting_.front());
    waiting_.pop_front();
    return id;
  }

 private:
  std::string make() { return fmt::format("call{:05}", n_++); }   // nine, as Mistral's have

  std::deque<std::string> waiting_;   // calls without a result
  int n_ = 0;
};

/// Calls carry their arguments as an object; images cannot be honoured.
Json message_of(const Json& given, const std::string& path, CallIds& ids) {
  check(object(), path, given);
  Json message = given;
  if (message.contains("images") && !message["images"].empty())
    bad_field(path + ".images", fmt::format("'{}.images': this model takes text only", path),
              "unsupported_value");
  message.erase("images");
  if (message.contains("tool_calls") && message["tool_calls"].is_array())
    for (Json& call : message["tool_calls"])
      if (call.is_object()) {
        if (!call.contains("type")) call["type"] = "function";
        if (!call.contains("id")) call["id"] = ids.of_call();
      }
  if (message.contains("thinking")) message["reasoning_content"] = message["thinking"];
  if (message.value("role", Json()) == "tool") {
    if (!message.contains("tool_call_id")) message["tool_call_id"] = ids.of_result();
    if (message.contains("tool_name")) message["name"] = message["tool_name"];
  }
  if (!message.contains("content")) message["content"] = "";
  return message;
}

}  // namespace

Json ollama_chat_schema() {
  return SchemaWriter()
      .with(std::span<const Field<R>>(common_fields))
      .with(std::span<const Field<R>>(chat_fields))
      .take();
}

Json ollama_generate_schema() {
  return SchemaWriter()
      .with(std::span<const Field<R>>(common_fields))
      .with(std::span<const Field<R>>(generate_fields))
      .take();
}

OllamaRequest parse_ollama_chat(const Json& body, const fleet::ModelCard& card) {
  R r;
  FieldReader()
      .with(std::span<const Field<R>>(common_fields), r)
      .with(std::span<const Field<R>>(chat_fields), r)
      .read(body);
  complete(r, card);
  r.out.empty = r.messages.empty();
  Json& messages = r.out.body["messages"] = Json::array();
  CallIds ids;
  for (size_t i = 0; i < r.messages.size(); ++i)
    messages.push_back(message_of(r.messages[i], fmt::format("messages[{}]", i), ids));
  if (!r.tools.empty()) r.out.body["tools"] = r.tools;
  return std::move(r.out);
}

OllamaRequest parse_ollama_generate(const Json& body, const fleet::ModelCard& card) {
  R r;
  FieldReader()
      .with(std::span<const Field<R>>(common_fields), r)
      .with(std::span<const Field<R>>(generate_fields), r)
      .read(body);
  complete(r, card);
  r.out.empty = r.prompt.is_null() || r.prompt == "";
  if (!r.suffix.is_null() && r.suffix != "")
    bad_field("suffix", "'suffix' is not supported: write the model's fill-in-the-middle form into "
              "the prompt and set 'raw'", "unsupported_parameter");
  if (r.out.raw) {
    r.out.body["prompt"] = r.prompt;
    if (!r.out.body.contains("max_tokens")) r.out.body["max_tokens"] = card.max_model_len;
    return std::move(r.out);
  }
  Json& messages = r.out.body["messages"] = Json::array();
  if (!r.system.is_null()) messages.push_back({{"role", "system"}, {"content", r.system}});
  messages.push_back({{"role", "user"}, {"content", r.prompt}});
  return std::move(r.out);
}

double parse_keep_alive(const Json& value) {
  if (value.is_number()) {
    check(number(-max_seconds, max_seconds), "keep_alive", value);
    return value.get<double>();
  }
  check(string(), "keep_alive", value);
  const std::string text = value.get<std::string>();
  double total = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = at != end;
  while (good && at != end) {
    double n = 0;
    const auto [after, ec] = std::from_chars(at, end, n);
    std::string_view unit(after, static_cast<size_t>(end - after));
    const size_t digits = unit.find_first_of("0123456789.-");
    unit = unit.substr(0, digits);
    double factor = 0;
    if (unit == "ms") factor = 1e-3;
    else if (unit == "s" || unit.empty()) factor = 1;
    else if (unit == "m") factor = 60;
    else if (unit == "h") factor = 3600;
    good = ec == std::errc() && factor > 0 && n * factor <= max_seconds;
    total += n * factor;
    at = after + unit.size();
  }
  if (!good)
    bad_field("keep_alive",
              fmt::format("'keep_alive' must be seconds or a duration like \"5m\", not {}",
                          json_string(text.substr(0, 40))),
              "invalid_value");
  return total;
}

}  // namespace strata::serve
