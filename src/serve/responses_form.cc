#include "serve/responses_form.h"

#include "base/clock.h"
#include "serve/answer_json.h"
#include "serve/ndjson.h"

namespace strata::serve {
namespace {

Json or_else(const Json& value, Json other) { return value.is_null() ? std::move(other) : value; }

/// How the kinds of blocks are called here.
struct KindNames {
  std::string_view type, id_prefix, events;
};
const KindNames& kind_of(const Block& block) {
  static constexpr KindNames names[] = {
      {"message", "msg_", "response.output_text"},
      {"reasoning", "rs_", "response.reasoning_text"},
      {"function_call", "fc_", "response.function_call_arguments"},
  };
  return names[static_cast<size_t>(block.kind)];
}

Json content_part(const Block& block, std::string_view text) {
  if (block.kind == Block::Kind::reasoning) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()},
          {"logprobs", Json::array()}};
}

class ResponsesForm : public AnswerForm {
 public:
  ResponsesForm(const Call& call, const ResponsesRequest& r, OnResponse on_response)
      : on_response_(std::move(on_response)) {
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
    if (!delta.choice.begun) {
      event(out, "response.created", {{"response", response_}});
      event(out, "response.in_progress", {{"response", response_}});
    }
    if (delta.last) take(delta.choice);
    for (const Part& part : delta.parts) {
      switch (part.step) {
        case Part::Step::open: open(*part.block, out); break;
        case Part::Step::add: add(part, out); break;
        case Part::Step::close: close(*part.block, out); break;
      }
    }
  }
  void write_end(const AnswerUsage& usage, std::string& out) override {
    complete(usage);
    event(out, is_cut_ ? "response.incomplete" : "response.completed", {{"response", response_}});
  }
  void write_error(const Error& error, std::string& out) override {
    response_["status"] = "failed";
    response_["error"] = {{"code", "server_error"}, {"message", error.what()}};
    event(out, "response.failed", {{"response", response_}});
  }
  std::string whole(std::span<const Choice> choices, const AnswerUsage& usage) override {
    take(choices.front());
    complete(usage);
    return to_text(response_);
  }

 private:
  void event(std::string& out, std::string_view type, const Json& rest) {
    Json json = {{"type", type}, {"sequence_number", sequence_++}};
    json.update(rest);
    append_named_event(out, type, json);
  }

  /// Each block is an item; its id is made when it is first told.
  const std::string& id_of(const Block& block) {
    const size_t index = static_cast<size_t>(block.index);
    while (ids_.size() <= index) ids_.push_back(make_id(kind_of(block).id_prefix));
    return ids_[index];
  }
  Json place(const Block& block) {
    return {{"item_id", id_of(block)}, {"output_index", block.index}};
  }
  Json content_place(const Block& block) {
    Json json = place(block);
    json["content_index"] = 0;
    return json;
  }

  Json item(const Block& block, bool done) {
    const bool is_cut = is_cut_ && block.index + 1 == n_blocks_;
    Json json = {{"id", id_of(block)},
                 {"type", kind_of(block).type},
                 {"status", !done ? "in_progress" : is_cut ? "incomplete" : "completed"}};
    if (block.kind == Block::Kind::call) {
      json.update({{"call_id", block.id},
                   {"name", block.name},
                   {"arguments", done ? block.text : std::string()}});
      return json;
    }
    if (block.kind == Block::Kind::text) json["role"] = "assistant";
    else json["summary"] = Json::array();
    json["content"] = Json::array();
    if (done) json["content"].push_back(content_part(block, block.text));
    return json;
  }

  void open(const Block& block, std::string& out) {
    event(out, "response.output_item.added",
          {{"output_index", block.index}, {"item", item(block, false)}});
    if (block.kind == Block::Kind::call) return;
    Json rest = content_place(block);
    rest["part"] = content_part(block, "");
    event(out, "response.content_part.added", rest);
  }
  void add(const Part& part, std::string& out) {
    const Block& block = *part.block;
    Json rest = block.kind == Block::Kind::call ? place(block) : content_place(block);
    rest["delta"] = part.text;
    if (block.kind == Block::Kind::text) rest["logprobs"] = Json::array();
    event(out, std::string(kind_of(block).events) + ".delta", rest);
  }
  void close(const Block& block, std::string& out) {
    const bool is_call = block.kind == Block::Kind::call;
    Json rest = is_call ? place(block) : content_place(block);
    rest[is_call ? "arguments" : "text"] = block.text;
    if (is_call) rest["name"] = block.name;
    if (block.kind == Block::Kind::text) rest["logprobs"] = Json::array();
    event(out, std::string(kind_of(block).events) + ".done", rest);
    if (!is_call) {
      Json part = content_place(block);
      part["part"] = content_part(block, block.text);
      event(out, "response.content_part.done", part);
    }
    event(out, "response.output_item.done",
          {{"output_index", block.index}, {"item", item(block, true)}});
  }

  /// What the end needs of a choice that has come to it.
  void take(const Choice& choice) {
    blocks_ = &choice.reader.blocks();
    n_blocks_ = static_cast<int>(blocks_->size());
    is_cut_ = choice.finish == Finish::length;
  }
  void complete(const AnswerUsage& usage) {
    response_["status"] = is_cut_ ? "incomplete" : "completed";
    if (is_cut_) response_["incomplete_details"] = {{"reason", "max_output_tokens"}};
    for (const Block& block : *blocks_) response_["output"].push_back(item(block, true));
    response_["usage"] = {
        {"input_tokens", usage.prompt_tokens},
        {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
        {"output_tokens", usage.completion_tokens},
        {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
        {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
    on_response_(response_, *blocks_);
  }

  const OnResponse on_response_;
  Json response_;
  std::vector<std::string> ids_;         // of the items
  const Blocks* blocks_ = nullptr;       // of the one choice, once it has ended
  int n_blocks_ = 0;
  bool is_cut_ = false;                  // the last item is not complete
  int sequence_ = 0;
};

}  // namespace

std::unique_ptr<AnswerForm> make_responses_form(const Call& call, const ResponsesRequest& request,
                                                OnResponse on_response) {
  return std::make_unique<ResponsesForm>(call, request, std::move(on_response));
}

}  // namespace strata::serve
