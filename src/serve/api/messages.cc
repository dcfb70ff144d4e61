// Anthropic's API: POST /v1/messages, POST /v1/messages/count_tokens
#include "serve/answer_json.h"
#include "serve/anthropic_request.h"
#include "serve/chat_request.h"
#include "serve/error.h"
#include "serve/generation.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

std::string_view stop_reason(const Choice& choice) {
  if (!choice.stop.empty()) return "stop_sequence";
  if (choice.finish == "length") return "max_tokens";
  if (choice.finish == "tool_calls") return "tool_use";
  return "end_turn";
}

Json stop_sequence(const Choice& choice) {
  return choice.stop.empty() ? Json() : Json(choice.stop);
}

Json usage_of(int prompt_tokens, const engine::Usage& usage) {
  return {{"input_tokens", prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

class MessagesForm : public AnswerForm {
 public:
  MessagesForm(const Call& call, int prompt_tokens)
      : id_(make_id("msg_")), model_(call.card().name), prompt_tokens_(prompt_tokens) {}

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun) begin(out);
    if (!delta.text.empty())
      append_named_event(out, "content_block_delta",
                         {{"type", "content_block_delta"},
                          {"index", 0},
                          {"delta", {{"type", "text_delta"}, {"text", delta.text}}}});
    if (delta.last) {
      reason_ = stop_reason(delta.choice);
      stop_ = stop_sequence(delta.choice);
    }
  }
  void write_usage(const engine::Usage&, std::string&) override {}
  void write_end(const engine::Usage& usage, std::string& out) override {
    append_named_event(out, "content_block_stop", {{"type", "content_block_stop"}, {"index", 0}});
    append_named_event(out, "message_delta",
                       {{"type", "message_delta"},
                        {"delta", {{"stop_reason", reason_}, {"stop_sequence", stop_}}},
                        {"usage", usage_of(prompt_tokens_, usage)}});
    append_named_event(out, "message_stop", {{"type", "message_stop"}});
  }
  void write_error(const Error& error, std::string& out) override {
    out += "event: error\ndata: " + error_answer(error, "/v1/messages").body + "\n\n";
  }
  std::string whole(std::vector<Choice>& choices, std::span<const Echo* const>,
                    const engine::Usage& usage) override {
    const Choice& choice = choices.front();
    Json message = head();
    message["content"].push_back({{"type", "text"}, {"text", choice.text}});
    message["stop_reason"] = stop_reason(choice);
    message["stop_sequence"] = stop_sequence(choice);
    message["usage"] = usage_of(prompt_tokens_, usage);
    return to_text(message);
  }

 private:
  Json head() const {
    return {{"id", id_},          {"type", "message"},        {"role", "assistant"},
            {"model", model_},    {"content", Json::array()}, {"stop_reason", nullptr},
            {"stop_sequence", nullptr}};
  }
  void begin(std::string& out) const {
    Json message = head();
    message["usage"] = usage_of(prompt_tokens_, {});
    append_named_event(out, "message_start", {{"type", "message_start"}, {"message", message}});
    append_named_event(out, "content_block_start",
                       {{"type", "content_block_start"},
                        {"index", 0},
                        {"content_block", {{"type", "text"}, {"text", ""}}}});
  }

  const std::string id_, model_;
  const int prompt_tokens_;
  std::string reason_;
  Json stop_;
};

void messages(Call& call) {
  const ChatRequest request = parse_chat_request(chat_from_anthropic(call.body, false),
                                                 call.card(), call.service.defaults());
  Prompt prompt = chat_prompt(request.conversation, *call.model);
  auto form = std::make_unique<MessagesForm>(call, static_cast<int>(prompt.ids.size()));
  Generation::start(call, request, {std::move(prompt)}, std::move(form));
}

void count(Call& call) {
  const ChatRequest request = parse_chat_request(chat_from_anthropic(call.body, true),
                                                 call.card(), call.service.defaults());
  const size_t n = chat_prompt(request.conversation, *call.model).ids.size();
  call.exchange->reply(200, "application/json", to_text({{"input_tokens", n}}));
}

const Route routes[] = {
    {"POST", "/v1/messages", messages, "answer a conversation, in Anthropic's form",
     anthropic_schema},
    {"POST", "/v1/messages/count_tokens", count, "tokens of such a conversation",
     anthropic_schema}};
const Registry<Api> registered{Api{"messages", routes}};

}  // namespace
}  // namespace strata::serve
