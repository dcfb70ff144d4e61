// POST /v1/chat/completions
#include <deque>

#include "serve/answer_json.h"
#include "serve/chat_answer.h"
#include "serve/chat_plan.h"
#include "serve/generation.h"

namespace strata::serve {
namespace {

class ChatForm : public AnswerForm {
 public:
  ChatForm(const Call& call, const ChatRequest& request, ChatPlan plan)
      : options_{std::move(plan.parser), request.include_reasoning},
        tokenizer_(call.model->tokenizer()),
        id_(make_id("chatcmpl-")),
        head_(answer_head(id_, "chat.completion.chunk", call.card())),
        logprobs_(request.logprobs),
        null_usage_(request.include_usage) {
    for (int i = 0; i < request.n; ++i) readers_.emplace_back(options_);
  }

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun)
      write_chunk(delta, {{"role", "assistant"}, {"content", ""}}, false, out);
    std::vector<Json> parts = reader(delta.choice).push(delta.text, delta.last);
    // Tokens have log-probabilities even where their text is held back.
    if (parts.empty() && logprobs_ && !delta.tokens.empty()) parts.push_back({{"content", ""}});
    if (parts.empty() && delta.last) parts.push_back(Json::object());
    for (size_t i = 0; i < parts.size(); ++i)
      write_chunk(delta, std::move(parts[i]), delta.last && i + 1 == parts.size(), out, i == 0);
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
           {"message", chat_message(reader(c), c.text)},
           {"logprobs", logprobs_ ? chat_logprobs(c.tokens, tokenizer_) : Json()},
           {"finish_reason", reader(c).finish_reason(c.finish)}});
    if (!choices[0].prompt.empty())
      answer["prompt_logprobs"] = prompt_logprobs(choices[0].prompt, tokenizer_);
    answer["usage"] = usage_json(usage);
    return to_text(answer);
  }

 private:
  ChatAnswer& reader(const Choice& choice) { return readers_[static_cast<size_t>(choice.index)]; }

  void write_chunk(const Delta& delta, Json content, bool last, std::string& out,
                   bool with_tokens = false) {
    const bool tokens = logprobs_ && with_tokens && !delta.tokens.empty();
    Json chunk = head_;
    chunk["choices"] =
        Json::array({{{"index", delta.choice.index},
                      {"delta", std::move(content)},
                      {"logprobs", tokens ? chat_logprobs(delta.tokens, tokenizer_) : Json()},
                      {"finish_reason",
                       last ? Json(reader(delta.choice).finish_reason(delta.choice.finish))
                            : Json()}}});
    if (delta.usage) chunk["usage"] = usage_json(*delta.usage);
    else if (null_usage_) chunk["usage"] = nullptr;
    append_event(out, chunk);
  }

  const ChatAnswerOptions options_;
  std::deque<ChatAnswer> readers_;   // by choice
  const model::Tokenizer& tokenizer_;
  const std::string id_;
  const Json head_;
  const bool logprobs_, null_usage_;
};

void chat(Call& call) {
  ChatRequest request = parse_chat_request(call.body, call.card(), call.service.defaults());
  ChatPlan plan = plan_chat(*call.model, request);
  std::vector<Prompt> prompts = {std::move(plan.prompt)};
  Generation::start(call, request, std::move(prompts),
                    std::make_unique<ChatForm>(call, request, std::move(plan)));
}

const Route routes[] = {
    {"POST", "/v1/chat/completions", chat, "answer a conversation", chat_schema}};
const Registry<Api> registered{Api{"chat", routes}};

}  // namespace
}  // namespace strata::serve
