// Anthropic's API: POST /v1/messages, POST /v1/messages/count_tokens
#include "serve/answer_json.h"
#include "serve/anthropic_request.h"
#include "serve/chat_plan.h"
#include "serve/error.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

std::string_view stop_reason(Finish finish) {
  switch (finish) {
    case Finish::stop_string: return "stop_sequence";
    case Finish::length: return "max_tokens";
    case Finish::calls: return "tool_use";
    default: return "end_turn";
  }
}

/// {"stop_reason", "stop_sequence"}
Json ending(const Choice& choice) {
  const bool by_string = choice.finish == Finish::stop_string;
  return {{"stop_reason", stop_reason(choice.finish)},
          {"stop_sequence", by_string ? Json(choice.stop) : Json()}};
}

Json usage_of(const AnswerUsage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

/// `filled`: with its text; else as it is when it opens.
Json block_json(const Block& block, bool filled) {
  const std::string text = filled ? block.text : std::string();
  switch (block.kind) {
    case Block::Kind::text: return {{"type", "text"}, {"text", text}};
    case Block::Kind::reasoning:
      return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
    case Block::Kind::call: break;
  }
  return {{"type", "tool_use"},
          {"id", block.id},
          {"name", block.name},
          {"input", filled ? arguments_json(block) : Json::object()}};
}

Json delta_json(const Part& part) {
  switch (part.block->kind) {
    case Block::Kind::text: return {{"type", "text_delta"}, {"text", part.text}};
    case Block::Kind::reasoning: return {{"type", "thinking_delta"}, {"thinking", part.text}};
    case Block::Kind::call: break;
  }
  return {{"type", "input_json_delta"}, {"partial_json", part.text}};
}

class MessagesForm : public AnswerForm {
 public:
  explicit MessagesForm(const Call& call) : model_(call.card().name) {}

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun) event(out, "message_start", {{"message", head(delta.usage)}});
    for (const Part& part : delta.parts) {
      const int index = part.block->index;
      switch (part.step) {
        case Part::Step::open:
          event(out, "content_block_start",
                {{"index", index}, {"content_block", block_json(*part.block, false)}});
          break;
        case Part::Step::add:
          event(out, "content_block_delta", {{"index", index}, {"delta", delta_json(part)}});
          break;
        case Part::Step::close: event(out, "content_block_stop", {{"index", index}}); break;
      }
    }
    if (delta.last) ending_ = ending(delta.choice);
  }
  void write_end(const AnswerUsage& usage, std::string& out) override {
    event(out, "message_delta", {{"delta", ending_}, {"usage", usage_of(usage)}});
    event(out, "message_stop", Json::object());
  }
  void write_error(const Error& error, std::string& out) override {
    out += "event: error\ndata: " + error_answer(error, "/v1/messages").body + "\n\n";
  }
  std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) override {
    const Choice& choice = choices.front();
    Json message = head(usage);
    for (const Block& block : choice.reader.blocks())
      message["content"].push_back(block_json(block, true));
    message.update(ending(choice));
    return to_text(message);
  }

 private:
  static void event(std::string& out, std::string_view type, const Json& rest) {
    Json json = {{"type", type}};
    json.update(rest);
    append_named_event(out, type, json);
  }
  Json head(const AnswerUsage& usage) const {
    return {{"id", make_id("msg_")},   {"type", "message"},        {"role", "assistant"},
            {"model", model_},         {"content", Json::array()}, {"stop_reason", nullptr},
            {"stop_sequence", nullptr}, {"usage", usage_of(usage)}};
  }

  const std::string model_;
  Json ending_;
};

ChatRequest request_of(const Call& call, bool counts_only) {
  return parse_chat_request(chat_from_anthropic(call.body, counts_only), call.card(),
                            call.service.defaults());
}

void messages(Call& call) {
  ChatRequest request = request_of(call, false);
  request.reading.call_prefix = "toolu_";
  answer_chat(call, request, std::make_unique<MessagesForm>(call));
}

void count(Call& call) {
  const size_t n = chat_prompt(request_of(call, true), *call.model).ids.size();
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
