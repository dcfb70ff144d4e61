// The wire forms as grammars: calls that cannot come out malformed.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "dialect/form.h"
#include "grammar/json.h"
#include "grammar/source.h"
#include "model/tokenizer.h"

namespace strata::dialect {

struct Tool {
  std::string name;
  grammar::Json parameters;  // a JSON schema; null: none
  bool strict = false;       // else what of the schema cannot be enforced may be left out
};

struct CallRules {
  bool required = false;  // else the answer may hold text, calls or both
  bool parallel = true;   // several calls
};

/// What an answer that may or must call these tools looks like. Nothing if calls are optional and
/// text could not be told from the beginning of one, unless a tool is strict.
/// Errors: invalid_argument naming tool and keyword, for a strict tool that cannot be enforced.
std::optional<grammar::Source> call_grammar(const Form& form, std::span<const Tool> tools,
                                            const CallRules& rules,
                                            const model::Tokenizer& tokenizer);

}  // namespace strata::dialect
