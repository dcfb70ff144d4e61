#include "main/conversation.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/error.h"

namespace strata {

void Conversation::add(std::string role, std::string text) {
  messages_.push_back({std::move(role), std::move(text)});
}

void Conversation::drop_last() {
  if (!messages_.empty()) messages_.pop_back();
}

std::vector<model::Token> Conversation::encode() const {
  const model::Tokenizer& tokenizer = *model_.tokenizer;
  if (!has_turns()) return tokenizer.encode(messages_.back().text);
  nlohmann::ordered_json context = {{"messages", nlohmann::ordered_json::array()},
                                    {"add_generation_prompt", true}};
  const auto put = [&](const std::string& role, const std::string& text) {
    context["messages"].push_back({{"role", role}, {"content", text}});
  };
  if (!system_.empty()) put("system", system_);
  for (const Message& m : messages_) put(m.role, m.text);
  if (tokenizer.bos >= 0) context["bos_token"] = tokenizer.piece(tokenizer.bos);
  if (tokenizer.eos >= 0) context["eos_token"] = tokenizer.piece(tokenizer.eos);
  const std::string json = context.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // A template writes the special tokens itself.
  return tokenizer.encode(model_.chat_template->render(json), {.add_special = false});
}

/// Up to the next message of the user, so that roles still alternate.
void Conversation::drop_oldest_turn() {
  messages_.erase(messages_.begin());
  while (messages_.size() > 1 && messages_.front().role != "user")
    messages_.erase(messages_.begin());
}

Conversation::Prompt Conversation::prompt(int limit) {
  STRATA_CHECK(!messages_.empty());
  const std::vector<Message> all = messages_;
  Prompt p{.tokens = encode()};
  while (p.tokens.size() > static_cast<size_t>(limit) && messages_.size() > 1 && has_turns()) {
    drop_oldest_turn();
    p.tokens = encode();
  }
  p.dropped = static_cast<int>(all.size() - messages_.size());
  if (p.tokens.size() > static_cast<size_t>(limit)) {
    messages_ = all;
    throw Error(Code::invalid_argument,
                fmt::format("the message takes {} tokens and {} fit: shorten it, or raise "
                            "--max-model-len", p.tokens.size(), limit),
                "context_length_exceeded");
  }
  return p;
}

}  // namespace strata
