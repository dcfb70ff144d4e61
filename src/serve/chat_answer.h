// The answer to a conversation while it is read: its text, reasoning and calls, in the form of the
// OpenAI API. For .cc files of this folder (json.h).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/parser.h"
#include "serve/json.h"

namespace strata::serve {

struct ChatAnswerOptions {
  dialect::ParserOptions parser;
  bool include_reasoning = true;
};

/// One per choice. Not thread-safe.
class ChatAnswer {
 public:
  explicit ChatAnswer(const ChatAnswerOptions& options);

  /// What the new text adds, as deltas of the streamed form: {"content"}, {"reasoning",
  /// "reasoning_content"} or {"tool_calls"}. `last`: nothing more comes.
  std::vector<Json> push(std::string_view text, bool last);

  bool called() const { return n_call_ > 0; }
  /// "tool_calls" instead of "stop" where something was called.
  std::string finish_reason(const std::string& finish) const;

 private:
  void add(const dialect::Event& event, std::vector<Json>& deltas);

  const ChatAnswerOptions& options_;
  std::unique_ptr<dialect::Parser> parser_;  // null: all text is content
  int n_call_ = 0;
};

/// The message of a whole answer: {"role", "content", "refusal", "reasoning", "tool_calls"}.
Json chat_message(ChatAnswer& answer, std::string_view text);

}  // namespace strata::serve
