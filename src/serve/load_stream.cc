#include "serve/load_stream.h"

#include <nlohmann/json.hpp>

namespace strata::serve {
namespace {

constexpr size_t kMaxEventBytes = 16u << 20;
constexpr size_t kErrorShown = 300;

/// What follows "name": in the event, without the space before it; empty if it has no such member.
std::string_view after_name(std::string_view event, std::string_view name) {
  const size_t at = event.find(name);
  if (at == event.npos) return {};
  event.remove_prefix(at + name.size());
  const size_t value = event.find_first_not_of(" :");
  return value == event.npos ? std::string_view{} : event.substr(value);
}

bool has_text(std::string_view event) {
  for (std::string_view name : {"\"text\"", "\"content\""}) {
    const std::string_view value = after_name(event, name);
    if (value.size() > 1 && value[0] == '"' && value[1] != '"') return true;
  }
  return false;
}

}  // namespace

void LoadStream::push(std::string_view bytes, double now_s) {
  pending_ += bytes;
  size_t start = 0;
  for (size_t end; (end = pending_.find('\n', start)) != pending_.npos; start = end + 1) {
    std::string_view line = std::string_view(pending_).substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data:")) take_event(line.substr(5), now_s);
  }
  pending_.erase(0, start);
  if (pending_.size() > kMaxEventBytes) {
    error_ = "an event without end";
    pending_.clear();
  }
}

void LoadStream::take_event(std::string_view event, double now_s) {
  if (event.find("[DONE]") != event.npos && event.size() < 10) {
    done_ = true;
    return;
  }
  if (has_text(event)) text_s_.push_back(now_s);
  if (after_name(event, "\"error\"").starts_with('{')) error_ = event.substr(0, kErrorShown);
  if (!after_name(event, "\"usage\"").starts_with('{')) return;
  const auto json = nlohmann::json::parse(event, nullptr, false);
  if (!json.is_object() || !json.contains("usage") || !json["usage"].is_object()) return;
  const auto count = [&](const char* name, int64_t otherwise) {
    const auto found = json["usage"].find(name);
    return found != json["usage"].end() && found->is_number_integer() ? found->get<int64_t>()
                                                                      : otherwise;
  };
  prompt_tokens_ = count("prompt_tokens", prompt_tokens_);
  output_tokens_ = count("completion_tokens", output_tokens_);
}

int64_t LoadStream::output_tokens() const {
  return output_tokens_ >= 0 ? output_tokens_ : static_cast<int64_t>(text_s_.size());
}

std::string LoadStream::error() const {
  if (!error_.empty()) return error_;
  return done_ ? "" : "the stream ended without [DONE]";
}

}  // namespace strata::serve
