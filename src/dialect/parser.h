// The reading of one answer: reasoning, calls and content, while it arrives.
#pragma once
#include <memory>
#include <string_view>

#include "dialect/event.h"
#include "dialect/form.h"
#include "dialect/reasoning.h"
#include "dialect/values.h"

namespace strata::dialect {

struct ParserOptions {
  const Form* form = nullptr;            // of calls; null: they are not looked for
  const Reasoning* reasoning = nullptr;  // null: it is not looked for
  Start start = Start::open;
  bool calls = true;  // false: calls are not looked for, channels still are
  ToolTypes types = {};
};

/// One per answer, used by one thread at a time. Memory: what a call's name or one argument needs
/// that cannot be passed on before it is complete. Cost: linear in the text.
class Parser {
 public:
  virtual ~Parser() = default;
  virtual void push(std::string_view text, Events& out) = 0;
  /// Nothing more comes.
  virtual void finish(Events& out) = 0;
};

/// Null if there is nothing to look for.
std::unique_ptr<Parser> make_parser(const ParserOptions& options);

}  // namespace strata::dialect
