// POST /v1/chat/completions
#include "serve/answer_json.h"
#include "serve/chat_request.h"
#include "serve/generation.h"

namespace strata::serve {
namespace {

class ChatForm : public AnswerForm {
 public:
  ChatForm(const Call& call, const ChatRequest& request)
      : tokenizer_(call.model->tokenizer()),
        id_(make_id("chatcmpl-")),
        head_(answer_head(id_, "chat.completion.chunk", call.card())),
        logprobs_(request.logprobs),
        null_usage_(request.include_usage) {}

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun)
      write_chunk(delta, {{"role", "assistant"}, {"content", ""}}, false, out);
    Json content = Json::object();
    if (!delta.text.empty() || !delta.tokens.empty()) content["content"] = delta.text;
    write_chunk(delta, std::move(content), delta.last, out);
  }

  void write_usage(const engine::Usage& usage, std::string& out) override {
    Json chunk = head_;
    chunk["choices"] = Json::array();
    chunk["usage"] = usage_json(usage);
    append_event(out, chunk);
  }

  std::string whole(std::vector<Choice>& choices, std::span<const Echo* const>,
                    const engine::Usage& usage) override {
    Json answer = head_;
    answer["object"] = "chat.completion";
    Json& list = answer["choices"] = Json::array();
    for (Choice& c : choices)
      list.push_back(
          {{"index", c.index},
           {"message",
            {{"role", "assistant"}, {"content", std::move(c.text)}, {"refusal", nullptr}}},
           {"logprobs", logprobs_ ? chat_logprobs(c.tokens, tokenizer_) : Json()},
           {"finish_reason", c.finish}});
    if (!choices[0].prompt.empty())
      answer["prompt_logprobs"] = prompt_logprobs(choices[0].prompt, tokenizer_);
    answer["usage"] = usage_json(usage);
    return to_text(answer);
  }

 private:
  void write_chunk(const Delta& delta, Json content, bool last, std::string& out) {
    const bool tokens = logprobs_ && !delta.tokens.empty() && content.contains("content") &&
                        !content.contains("role");
    Json chunk = head_;
    chunk["choices"] =
        Json::array({{{"index", delta.choice.index},
                      {"delta", std::move(content)},
                      {"logprobs", tokens ? chat_logprobs(delta.tokens, tokenizer_) : Json()},
                      {"finish_reason", last ? Json(delta.choice.finish) : Json()}}});
    if (delta.usage) chunk["usage"] = usage_json(*delta.usage);
    else if (null_usage_) chunk["usage"] = nullptr;
    append_event(out, chunk);
  }

  const model::Tokenizer& tokenizer_;
  const std::string id_;
  const Json head_;
  const bool logprobs_, null_usage_;
};

void chat(Call& call) {
  const ChatRequest request =
      parse_chat_request(call.body, call.card(), call.service.defaults());
  Generation::start(call, request, {chat_prompt(request.conversation, *call.model)},
                    std::make_unique<ChatForm>(call, request));
}

const Route routes[] = {
    {"POST", "/v1/chat/completions", chat, "answer a conversation", chat_schema}};
const Registry<Api> registered{Api{"chat", routes}};

}  // namespace
}  // namespace strata::serve
