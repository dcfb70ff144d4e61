// The messages of a conversation and the prompt they make.
#pragma once
#include <string>
#include <vector>

#include "model/model.h"

namespace strata {

struct Message {
  std::string role, text;
};

class Conversation {
 public:
  /// Keeps a reference to the model, which must have a tokenizer.
  explicit Conversation(const model::Model& model) : model_(model) {}

  /// Does the model take turns? Without a chat template it only goes on with a text.
  bool has_turns() const { return model_.chat_template.has_value(); }
  /// Instruction before all turns; empty: none.
  void set_system(std::string text) { system_ = std::move(text); }
  void add(std::string role, std::string text);
  void drop_last();
  void clear() { messages_.clear(); }
  const std::vector<Message>& messages() const { return messages_; }

  /// The tokens to continue, up to `limit`: to make them fit the oldest turns are dropped for good,
  /// never the system text nor the last message. Without turns: the last message alone.
  /// Errors: invalid_argument, reason context_length_exceeded, and nothing is dropped; what the
  /// template raises.
  struct Prompt {
    std::vector<model::Token> tokens;
    int dropped = 0;   // messages
  };
  Prompt prompt(int limit);

 private:
  std::vector<model::Token> encode() const;
  void drop_oldest_turn();

  const model::Model& model_;
  std::string system_;
  std::vector<Message> messages_;
};

}  // namespace strata
