// `strata run`: one answer, or a conversation in the terminal.
#pragma once
#include <string>

#include "engine/engine.h"
#include "main/conversation.h"

namespace strata {

struct ChatOptions {
  std::string system;
  engine::SamplingParams sampling;
  bool verbose = false;   // speed after each answer, on standard error
};

class Chat {
 public:
  /// Errors: invalid_argument when the model has no tokenizer.
  Chat(engine::Engine& engine, ChatOptions options);
  /// Prints the answer to one message. Errors: cancelled on Ctrl-C.
  void once(const std::string& message);
  /// Until Ctrl-D or /bye. Errors of an answer are shown and the conversation goes on.
  void interactive();

 private:
  engine::Finish reply(const std::string& message);
  void show_speed(const struct Answer& answer) const;
  bool command(const std::string& line);
  void set(const std::string& name, const std::string& value);

  engine::Engine& engine_;
  ChatOptions options_;
  Conversation conversation_;
};

}  // namespace strata
