// How the served model writes tool calls and reasoning.
#pragma once
#include <string>
#include <vector>

#include "dialect/form.h"
#include "dialect/reasoning.h"
#include "engine/request.h"
#include "model/chat_template.h"
#include "model/tokenizer.h"

namespace strata::fleet {

/// As the operator names them: "auto" is what the chat template shows, "none" nothing; else a name
/// of vLLM's parsers.
struct DialectNames {
  std::string tool_calls = "auto", reasoning = "auto";
};

/// Errors: invalid_argument for a name that is not known, with those that are.
void check_names(const DialectNames& names);

struct ModelDialect {
  const dialect::Form* form = nullptr;            // never null once constructed
  const dialect::Reasoning* reasoning = nullptr;  // null: none
  bool shows_tools = false;                       // the chat template does it
  std::vector<engine::Token> markers;             // control tokens that calls and reasoning need

  /// `chat_template` may be null. Errors: those of check_names.
  ModelDialect(const DialectNames& names, const model::ChatTemplate* chat_template,
               const model::Tokenizer& tokenizer);

  /// Whether answers come with reasoning apart.
  bool reasons() const { return reasoning || form->head == dialect::Form::Head::harmony; }
};

}  // namespace strata::fleet
