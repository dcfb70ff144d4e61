// Ollama's answers: POST /api/chat, /api/generate; a stream is one JSON object a line.
#include "base/clock.h"
#include "serve/answer_json.h"
#include "serve/chat_plan.h"
#include "serve/completion_request.h"
#include "serve/constrain.h"
#include "serve/error.h"
#include "serve/generation.h"
#include "serve/ndjson.h"
#include "serve/ollama_request.h"

namespace strata::serve {
namespace {

int64_t ns_since(double start_s) { return static_cast<int64_t>((now_s() - start_s) * 1e9); }

Json head(const std::string& model) {
  return {{"model", model}, {"created_at", iso_time(unix_time_s())}};
}

Json call_json(const Block& call) {
  return {{"id", call.id},
          {"function",
           {{"index", call.call}, {"name", call.name}, {"arguments", arguments_json(call)}}}};
}

/// A call that was cut off has no form here: arguments are an object.
bool is_whole_call(const Block& block) {
  return block.kind == Block::Kind::call && Json::accept(block.text);
}

class OllamaForm : public AnswerForm {
 public:
  /// `chat`: the text is in "message", else in "response".
  OllamaForm(const Call& call, const GenerationRequest& request, bool chat)
      : model_(call.card().name),
        tokenizer_(call.model->tokenizer()),
        chat_(chat),
        logprobs_(request.sampling.logprobs >= 0),
        arrived_s_(call.arrived_s),
        loaded_s_(now_s()) {}

  std::string_view content_type() const override { return "application/x-ndjson"; }
  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun) first_s_ = now_s();
    if (delta.last) finish_ = delta.choice.finish;
    keep_logprobs(delta.tokens);
    for (const Part& part : delta.parts) {
      if (part.step == Part::Step::add && part.block->kind != Block::Kind::call)
        write_line(part.block->kind == Block::Kind::text ? content(part.text)
                                                         : thinking(part.text), out);
      if (part.step == Part::Step::close && is_whole_call(*part.block))
        write_line(calls(Json::array({call_json(*part.block)})), out);
    }
  }
  void write_end(const AnswerUsage& usage, std::string& out) override {
    append_line(out, last(content(""), usage));
  }
  void write_error(const Error& error, std::string& out) override {
    out += error_answer(error, "/api/").body + "\n";
  }
  std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) override {
    const Choice& choice = choices.front();
    const Blocks& blocks = choice.reader.blocks();
    finish_ = choice.finish;
    keep_logprobs(choice.tokens);
    Json answer = content(joined(blocks, Block::Kind::text));
    if (const auto text = joined(blocks, Block::Kind::reasoning); !text.empty())
      merge(answer, thinking(text));
    Json list = Json::array();
    for (const Block& block : blocks)
      if (is_whole_call(block)) list.push_back(call_json(block));
    if (!list.empty()) merge(answer, calls(std::move(list)));
    return to_text(last(std::move(answer), usage));
  }

 private:
  Json content(std::string_view text) const {
    if (!chat_) return {{"response", text}};
    return {{"message", {{"role", "assistant"}, {"content", text}}}};
  }
  Json thinking(std::string_view text) const {
    if (!chat_) return {{"response", ""}, {"thinking", text}};
    return {{"message", {{"role", "assistant"}, {"content", ""}, {"thinking", text}}}};
  }
  static Json calls(Json list) {
    return {{"message", {{"role", "assistant"}, {"content", ""}, {"tool_calls", std::move(list)}}}};
  }
  /// Adds what `more` has to `answer`, which has the text.
  void merge(Json& answer, const Json& more) const {
    Json& to = chat_ ? answer["message"] : answer;
    for (const auto& [name, value] : (chat_ ? more["message"] : more).items())
      if (!to.contains(name)) to[name] = value;
  }

  void keep_logprobs(std::span<const engine::Generated> tokens) {
    if (!logprobs_) return;
    for (Json& entry : logprobs_json(tokens, tokenizer_)) kept_.push_back(std::move(entry));
  }
  void write_line(Json text, std::string& out) {
    Json line = head(model_);
    line.update(text);
    line["done"] = false;
    add_logprobs(line);
    append_line(out, line);
  }
  void add_logprobs(Json& line) {
    if (!kept_.empty()) line["logprobs"] = std::exchange(kept_, Json::array());
  }
  Json last(Json text, const AnswerUsage& usage) {
    Json line = head(model_);
    line.update(text);
    line["done"] = true;
    line["done_reason"] = finish_ == Finish::length ? "length" : "stop";
    const double first_s = first_s_ > 0 ? first_s_ : loaded_s_;
    line["total_duration"] = ns_since(arrived_s_);
    line["load_duration"] = static_cast<int64_t>((loaded_s_ - arrived_s_) * 1e9);
    line["prompt_eval_count"] = usage.prompt_tokens;
    line["prompt_eval_duration"] = static_cast<int64_t>((first_s - loaded_s_) * 1e9);
    line["eval_count"] = usage.completion_tokens;
    line["eval_duration"] = ns_since(first_s);
    add_logprobs(line);
    return line;
  }

  const std::string model_;
  const model::Tokenizer& tokenizer_;
  const bool chat_, logprobs_;
  const double arrived_s_, loaded_s_;
  double first_s_ = 0;
  Finish finish_ = Finish::none;
  Json kept_ = Json::array();   // logprobs of tokens whose line has not been written yet
};

/// To a request without a prompt, which loads the model or, with keep_alive 0, lets it go.
std::string empty_answer(const Call& call, const OllamaRequest& request, bool chat) {
  Json answer = head(call.card().name);
  if (chat) answer["message"] = {{"role", "assistant"}, {"content", ""}};
  else answer["response"] = "";
  answer["done"] = true;
  answer["done_reason"] = request.keep_alive_s == 0.0 ? "unload" : "load";
  return to_text(answer);
}

void answer(Call& call, const OllamaRequest& request, bool chat) {
  if (request.keep_alive_s)
    call.service.fleet->keep_alive(call.card().name, *request.keep_alive_s);
  if (request.empty)
    return call.exchange->reply(200, "application/json", empty_answer(call, request, chat));
  if (request.thinks && !call.model->dialect.reasons())
    bad_field("think", fmt::format("'think': the model '{}' has no reasoning", call.card().name),
              "unsupported_value");
  const GenerationDefaults defaults = call.service.defaults();
  if (request.raw) {
    CompletionRequest r = parse_completion_request(request.body, call.card(), defaults);
    r.constraint = make_constraint(*call.model, r.format);
    const auto& text = std::get<std::string>(r.prompts.front());
    return Generation::start(call, r, {{call.model->tokenizer().encode(text)}},
                             std::make_unique<OllamaForm>(call, r, chat));
  }
  ChatRequest r = parse_chat_request(request.body, call.card(), defaults);
  answer_chat(call, r, std::make_unique<OllamaForm>(call, r, chat));
}

void chat(Call& call) { answer(call, parse_ollama_chat(call.body, call.card()), true); }
void generate(Call& call) { answer(call, parse_ollama_generate(call.body, call.card()), false); }

const Route routes[] = {
    {"POST", "/api/chat", chat, "answer a conversation, in Ollama's form",
     ollama_chat_schema},
    {"POST", "/api/generate", generate, "answer a prompt, in Ollama's form",
     ollama_generate_schema}};
const Registry<Api> registered{Api{"ollama", routes}};

}  // namespace
}  // namespace strata::serve
