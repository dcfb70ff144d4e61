// POST /v1/chat/completions
#include "serve/answer_json.h"
#include "serve/chat_plan.h"

namespace strata::serve {
namespace {

Json call_delta(const Part& part) {
  const Block& call = *part.block;
  Json json = {{"index", call.call}};
  if (part.step == Part::Step::open)
    json.update({{"id", call.id},
                 {"type", "function"},
                 {"function", {{"name", call.name}, {"arguments", ""}}}});
  else json["function"] = {{"arguments", part.text}};
  return {{"tool_calls", Json::array({std::move(json)})}};
}

/// Null for what has no form here.
Json delta_of(const Part& part) {
  const bool is_call = part.block->kind == Block::Kind::call;
  if (part.step == Part::Step::close || (part.step == Part::Step::open && !is_call)) return {};
  if (is_call) return call_delta(part);
  if (part.block->kind == Block::Kind::text) return {{"content", part.text}};
  return {{"reasoning", part.text}, {"reasoning_content", part.text}};
}

class ChatForm : public AnswerForm {
 public:
  ChatForm(const Call& call, const ChatRequest& request)
      : tokenizer_(call.model->tokenizer()),
        head_(answer_head(make_id("chatcmpl-"), "chat.completion.chunk", call.card())),
        logprobs_(request.logprobs),
        usage_{request.include_usage, request.continuous_usage} {}

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun)
      write_chunk(delta, {{"role", "assistant"}, {"content", ""}}, {}, false, out);
    std::vector<Json> contents;
    for (const Part& part : delta.parts)
      if (Json content = delta_of(part); !content.is_null()) contents.push_back(std::move(content));
    // Tokens have log-probabilities even where their text is held back.
    if (contents.empty() && logprobs_ && !delta.tokens.empty())
      contents.push_back({{"content", ""}});
    if (contents.empty() && delta.last) contents.push_back(Json::object());
    for (size_t i = 0; i < contents.size(); ++i)
      write_chunk(delta, std::move(contents[i]), i == 0 ? delta.tokens : Tokens(),
                  delta.last && i + 1 == contents.size(), out);
  }

  void write_end(const AnswerUsage& usage, std::string& out) override {
    usage_.append_last(out, head_, usage);
    AnswerForm::write_end(usage, out);
  }

  std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) override {
    Json answer = head_;
    answer["object"] = "chat.completion";
    Json& list = answer["choices"] = Json::array();
    for (const Choice& c : choices)
      list.push_back({{"index", c.index},
                      {"message", message_json(c.reader.blocks())},
                      {"logprobs", logprobs_ ? chat_logprobs(c.tokens, tokenizer_) : Json()},
                      {"finish_reason", finish_name(c.finish)}});
    if (!choices[0].prompt.empty())
      answer["prompt_logprobs"] = prompt_logprobs(choices[0].prompt, tokenizer_);
    answer["usage"] = usage_json(usage);
    return to_text(answer);
  }

 private:
  using Tokens = std::span<const engine::Generated>;

  void write_chunk(const Delta& delta, Json content, Tokens tokens, bool last,
                   std::string& out) const {
    const bool logprobs = logprobs_ && !tokens.empty();
    Json chunk = head_;
    chunk["choices"] = Json::array(
        {{{"index", delta.choice.index},
          {"delta", std::move(content)},
          {"logprobs", logprobs ? chat_logprobs(tokens, tokenizer_) : Json()},
          {"finish_reason", last ? Json(finish_name(delta.choice.finish)) : Json()}}});
    usage_.stamp(chunk, delta.usage);
    append_event(out, chunk);
  }

  const model::Tokenizer& tokenizer_;
  const Json head_;
  const bool logprobs_;
  const UsageChunks usage_;
};

void chat(Call& call) {
  ChatRequest request = parse_chat_request(call.body, call.card(), call.service.defaults());
  answer_chat(call, request, std::make_unique<ChatForm>(call, request));
}

const Route routes[] = {
    {"POST", "/v1/chat/completions", chat, "answer a conversation", chat_schema}};
const Registry<Api> registered{Api{"chat", routes}};

}  // namespace
}  // namespace strata::serve
