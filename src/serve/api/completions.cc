// POST /v1/completions
#include "serve/answer_json.h"
#include "serve/completion_request.h"
#include "serve/constrain.h"
#include "serve/generation.h"

namespace strata::serve {
namespace {

class CompletionForm : public AnswerForm {
 public:
  CompletionForm(const Call& call, const CompletionRequest& request)
      : tokenizer_(call.model->tokenizer()),
        head_(answer_head(make_id("cmpl-"), "text_completion", call.card())),
        logprobs_(request.logprobs.has_value()),
        usage_{request.include_usage, request.continuous_usage},
        legacy_(request.prompts.size() * static_cast<size_t>(request.n)) {}

  void write(const Delta& delta, std::string& out) override {
    const Echo* echo = delta.choice.begun ? nullptr : delta.choice.echo;
    std::string text = echo ? echo->text : std::string();
    for (const Part& part : delta.parts) text += part.text;
    Json chunk = head_;
    chunk["choices"] = Json::array(
        {choice_json(delta.choice, std::move(text), logprobs_of(delta.choice, echo, delta.tokens),
                     delta.last)});
    usage_.stamp(chunk, delta.usage);
    append_event(out, chunk);
  }

  void write_end(const AnswerUsage& usage, std::string& out) override {
    usage_.append_last(out, head_, usage);
    AnswerForm::write_end(usage, out);
  }

  std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) override {
    Json answer = head_;
    Json& list = answer["choices"] = Json::array();
    for (const Choice& c : choices) {
      std::string text = c.echo ? c.echo->text : std::string();
      text += joined(c.reader.blocks(), Block::Kind::text);
      list.push_back(choice_json(c, std::move(text), logprobs_of(c, c.echo, c.tokens), true));
      if (!c.prompt.empty())
        list.back()["prompt_logprobs"] = prompt_logprobs(c.prompt, tokenizer_);
    }
    answer["usage"] = usage_json(usage);
    return to_text(answer);
  }

 private:
  static Json choice_json(const Choice& choice, std::string text, Json logprobs, bool last) {
    return {{"index", choice.index},
            {"text", std::move(text)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", last ? Json(finish_name(choice.finish)) : Json()}};
  }

  Json logprobs_of(const Choice& choice, const Echo* echo,
                   std::span<const engine::Generated> tokens) {
    if (!logprobs_) return {};
    LegacyLogprobs& legacy = legacy_[static_cast<size_t>(choice.index)];
    if (!echo) return legacy.take(tokens, tokenizer_);
    legacy.at_start = !echo->tokens.empty();
    std::vector<engine::Generated> all(echo->tokens);
    all.insert(all.end(), tokens.begin(), tokens.end());
    return legacy.take(all, tokenizer_);
  }

  const model::Tokenizer& tokenizer_;
  const Json head_;
  const bool logprobs_;
  const UsageChunks usage_;
  std::vector<LegacyLogprobs> legacy_;   // by choice
};

Prompt make_prompt(const PromptInput& input, const CompletionRequest& request,
                   const model::Tokenizer& tokenizer, size_t number) {
  Prompt prompt;
  if (const auto* text = std::get_if<std::string>(&input)) {
    prompt.ids = tokenizer.encode(*text, {.add_special = request.add_special});
    if (request.echo) prompt.echo = *text;
  } else {
    prompt.ids = std::get<std::vector<engine::Token>>(input);
    if (request.echo) prompt.echo = tokenizer.decode(prompt.ids, request.skip_special);
  }
  if (prompt.ids.empty())
    bad_field("prompt", fmt::format("'prompt' {} is empty: there is nothing to continue", number),
              "invalid_value");
  return prompt;
}

void complete(Call& call) {
  CompletionRequest request =
      parse_completion_request(call.body, call.card(), call.service.defaults());
  request.constraint = make_constraint(*call.model, request.format);
  std::vector<Prompt> prompts;
  for (const PromptInput& input : request.prompts)
    prompts.push_back(make_prompt(input, request, call.model->tokenizer(), prompts.size()));
  Generation::start(call, request, std::move(prompts),
                    std::make_unique<CompletionForm>(call, request));
}

const Route routes[] = {
    {"POST", "/v1/completions", complete, "continue a text or token ids", completion_schema}};
const Registry<Api> registered{Api{"completions", routes}};

}  // namespace
}  // namespace strata::serve
