#include "serve/ollama_form.h"

#include "base/clock.h"
#include "serve/error.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

int64_t ns_since(double start_s) { return static_cast<int64_t>((now_s() - start_s) * 1e9); }

Json head(const std::string& model) {
  return {{"model", model}, {"created_at", iso_time(unix_time_s())}};
}

void set_text(Json& json, bool chat, std::string_view text) {
  if (chat) json["message"] = {{"role", "assistant"}, {"content", text}};
  else json["response"] = text;
}

class OllamaForm : public AnswerForm {
 public:
  OllamaForm(const Call& call, bool chat)
      : model_(call.card().name), chat_(chat), arrived_s_(call.arrived_s), loaded_s_(now_s()) {}

  std::string_view content_type() const override { return "application/x-ndjson"; }
  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun) first_s_ = now_s();
    if (delta.last) finish_ = delta.choice.finish;
    if (delta.text.empty()) return;
    Json line = head(model_);
    set_text(line, chat_, delta.text);
    line["done"] = false;
    append_line(out, line);
  }
  void write_usage(const engine::Usage&, std::string&) override {}
  void write_end(const engine::Usage& usage, std::string& out) override {
    append_line(out, last({}, usage));
  }
  void write_error(const Error& error, std::string& out) override {
    out += error_answer(error, "/api/").body + "\n";
  }
  std::string whole(std::vector<Choice>& choices, std::span<const Echo* const>,
                    const engine::Usage& usage) override {
    finish_ = choices.front().finish;
    return to_text(last(choices.front().text, usage));
  }

 private:
  Json last(std::string_view text, const engine::Usage& usage) const {
    Json line = head(model_);
    set_text(line, chat_, text);
    line["done"] = true;
    line["done_reason"] = finish_ == "length" ? "length" : "stop";
    const double first_s = first_s_ > 0 ? first_s_ : loaded_s_;
    line["total_duration"] = ns_since(arrived_s_);
    line["load_duration"] = static_cast<int64_t>((loaded_s_ - arrived_s_) * 1e9);
    line["prompt_eval_count"] = usage.prompt_tokens;
    line["prompt_eval_duration"] = static_cast<int64_t>((first_s - loaded_s_) * 1e9);
    line["eval_count"] = usage.completion_tokens;
    line["eval_duration"] = ns_since(first_s);
    return line;
  }

  const std::string model_;
  const bool chat_;
  const double arrived_s_, loaded_s_;
  double first_s_ = 0;
  std::string finish_;
};

}  // namespace

std::unique_ptr<AnswerForm> make_ollama_form(const Call& call, bool chat) {
  return std::make_unique<OllamaForm>(call, chat);
}

std::string ollama_empty_answer(const Call& call, bool chat, std::string_view reason) {
  Json answer = head(call.card().name);
  set_text(answer, chat, "");
  answer["done"] = true;
  answer["done_reason"] = reason;
  return to_text(answer);
}

}  // namespace strata::serve
