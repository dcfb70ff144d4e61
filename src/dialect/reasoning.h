// How models mark their reasoning, and its separation from the answer while it arrives.
#pragma once
#include <string>
#include <string_view>

#include "dialect/event.h"
#include "dialect/form.h"

namespace strata::dialect {

struct Reasoning {
  std::string_view name;  // as --reasoning-parser calls it
  Strings aliases;
  std::string_view begin, end;
  bool detected;  // from a chat template that holds both
};

/// Null if nothing is known under that name.
const Reasoning* find_reasoning(std::string_view name);
/// What a chat template shows; null for none.
const Reasoning* detect_reasoning(std::string_view chat_template);
Strings reasoning_names();

/// Where an answer stands when it begins.
enum class Start {
  open,    // the reasoning may begin, or the answer
  inside,  // the prompt has begun the reasoning
  closed,  // the prompt has ended it
};
/// By what the prompt ends with.
Start start_after(const Reasoning& reasoning, std::string_view prompt);

class ReasoningSplitter {
 public:
  ReasoningSplitter(const Reasoning& reasoning, Start start);

  /// Appends reasoning to `out`; returns the text of the answer.
  std::string push(std::string_view text, Events& out);
  std::string finish(Events& out);

 private:
  enum class State { opening, inside, answer };
  void emit(std::string_view text, Events& out);

  const Reasoning* reasoning_;
  bool surely_inside_;
  State state_ = State::opening;
  bool said_ = false, answered_ = false;
  std::string pending_, space_;
};

}  // namespace strata::dialect
