// Channels of gpt-oss: <|start|>ROLE to=RECIPIENT<|channel|>CHANNEL ...<|message|>TEXT<|end|>.
#pragma once
#include <string>
#include <string_view>

#include "dialect/event.h"

namespace strata::dialect {

/// The analysis is reasoning, a message to a function is a call, the rest is the answer.
/// Source: the chat template of openai/gpt-oss-120b.
class HarmonyParser {
 public:
  /// `calls`: false leaves messages to functions in the answer.
  explicit HarmonyParser(bool calls) : calls_(calls) {}

  void push(std::string_view text, Events& out);
  void finish(Events& out);

 private:
  enum class State { header, body };
  enum class Target { content, reasoning, call };
  void open_message(std::string_view header, Events& out);
  void emit(std::string_view text, Events& out);

  bool calls_;
  State state_ = State::header;
  Target target_ = Target::content;
  std::string pending_;
  int n_call_ = 0;
  bool any_arguments_ = false;
};

}  // namespace strata::dialect
