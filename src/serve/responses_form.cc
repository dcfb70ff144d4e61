#include "serve/responses_form.h"

#include "base/clock.h"
#include "serve/answer_json.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

Json or_else(const Json& value, Json other) { return value.is_null() ? std::move(other) : value; }

Json text_part(std::string_view text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()},
          {"logprobs", Json::array()}};
}

class ResponsesForm : public AnswerForm {
 public:
  ResponsesForm(const Call& call, const ResponsesRequest& r, OnResponse on_response)
      : message_id_(make_id("msg_")), on_response_(std::move(on_response)) {
    response_ = {{"id", make_id("resp_")},
                 {"object", "response"},
                 {"created_at", unix_time_s()},
                 {"status", "in_progress"},
                 {"error", nullptr},
                 {"incomplete_details", nullptr},
                 {"instructions", r.instructions},
                 {"max_output_tokens", r.chat.value("max_tokens", Json())},
                 {"model", call.card().name},
                 {"output", Json::array()},
                 {"parallel_tool_calls", r.chat.value("parallel_tool_calls", Json(true))},
                 {"previous_response_id", r.previous_id ? Json(*r.previous_id) : Json()},
                 {"reasoning", or_else(r.reasoning, {{"effort", nullptr}, {"summary", nullptr}})},
                 {"store", r.store},
                 {"temperature", r.chat.value("temperature", Json(1.0))},
                 {"text", or_else(r.text, {{"format", {{"type", "text"}}}})},
                 {"tool_choice", or_else(r.tool_choice, "auto")},
                 {"tools", or_else(r.tools, Json::array())},
                 {"top_p", r.chat.value("top_p", Json(1.0))},
                 {"truncation", "disabled"},
                 {"usage", nullptr},
                 {"user", nullptr},
                 {"metadata", or_else(r.metadata, Json::object())}};
  }

  void write(const Delta& delta, std::string& out) override {
    if (!delta.choice.begun) begin(out);
    if (!delta.text.empty()) {
      text_ += delta.text;
      event(out, "response.output_text.delta",
            {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0},
             {"delta", delta.text}, {"logprobs", Json::array()}});
    }
    if (delta.last) finish_ = delta.choice.finish;
  }
  void write_usage(const engine::Usage&, std::string&) override {}
  void write_end(const engine::Usage& usage, std::string& out) override {
    const Json place = {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0}};
    Json done = place;
    done["text"] = text_;
    done["logprobs"] = Json::array();
    event(out, "response.output_text.done", std::move(done));
    Json part = place;
    part["part"] = text_part(text_);
    event(out, "response.content_part.done", std::move(part));
    event(out, "response.output_item.done", {{"output_index", 0}, {"item", message(true)}});
    complete(usage);
    const bool whole = response_["status"] == "completed";
    event(out, whole ? "response.completed" : "response.incomplete", {{"response", response_}});
  }
  void write_error(const Error& error, std::string& out) override {
    response_["status"] = "failed";
    response_["error"] = {{"code", "server_error"}, {"message", error.what()}};
    event(out, "response.failed", {{"response", response_}});
  }
  std::string whole(std::vector<Choice>& choices, std::span<const Echo* const>,
                    const engine::Usage& usage) override {
    text_ = choices.front().text;
    finish_ = choices.front().finish;
    complete(usage);
    return to_text(response_);
  }

 private:
  void event(std::string& out, std::string_view type, Json rest) {
    Json json = {{"type", type}, {"sequence_number", sequence_++}};
    json.update(rest);
    append_named_event(out, type, json);
  }

  void begin(std::string& out) {
    event(out, "response.created", {{"response", response_}});
    event(out, "response.in_progress", {{"response", response_}});
    event(out, "response.output_item.added", {{"output_index", 0}, {"item", message(false)}});
    event(out, "response.content_part.added",
          {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0},
           {"part", text_part("")}});
  }

  Json message(bool done) const {
    Json content = Json::array();
    if (done) content.push_back(text_part(text_));
    return {{"type", "message"},
            {"id", message_id_},
            {"status", !done ? "in_progress" : finish_ == "length" ? "incomplete" : "completed"},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }

  void complete(const engine::Usage& usage) {
    response_["status"] = finish_ == "length" ? "incomplete" : "completed";
    if (finish_ == "length")
      response_["incomplete_details"] = {{"reason", "max_output_tokens"}};
    response_["output"] = Json::array({message(true)});
    response_["usage"] = {{"input_tokens", usage.prompt_tokens},
                          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                          {"output_tokens", usage.completion_tokens},
                          {"output_tokens_details", {{"reasoning_tokens", 0}}},
                          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
    on_response_(response_, text_);
  }

  const std::string message_id_;
  const OnResponse on_response_;
  Json response_;
  std::string text_, finish_;
  int sequence_ = 0;
};

}  // namespace

std::unique_ptr<AnswerForm> make_responses_form(const Call& call, const ResponsesRequest& request,
                                                OnResponse on_response) {
  return std::make_unique<ResponsesForm>(call, request, std::move(on_response));
}

}  // namespace strata::serve
