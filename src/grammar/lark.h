// Grammars put together from parts: rules in Lark's syntax, as the compiler takes them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "grammar/json_schema.h"
#include "grammar/source.h"
#include "model/tokenizer.h"

namespace strata::grammar {

/// A quoted literal of these bytes.
std::string lark_literal(std::string_view text);
/// The text as part of a regular expression between slashes.
std::string regex_literal(std::string_view text);

/// Collects rules. What its methods return are expressions, to be used in others.
class LarkWriter {
 public:
  /// `tokenizer`: of whose tokens `marker` knows; null: none.
  explicit LarkWriter(const model::Tokenizer* tokenizer = nullptr) : tokenizer_(tokenizer) {}

  /// Control tokens where the text is one, literals elsewhere.
  std::string marker(std::string_view text) const;
  std::string json(const Json& schema, const JsonStyle& style = {}) const;
  std::string regex(std::string_view pattern) const;
  /// Any text up to and with `end`, at its first occurrence.
  std::string text_until(std::string_view end);
  /// Any text, none too.
  std::string any_text();
  /// Any text in which none of the markers appears.
  std::string text_without(const std::vector<std::string>& markers);

  /// A new rule; returns its name.
  std::string rule(std::string_view expression);
  std::string terminal(std::string_view expression);
  Source finish(std::string_view start);

 private:
  const model::Tokenizer* tokenizer_;
  std::string rules_, any_text_;
  int n_rule_ = 0;
};

/// A Lark grammar as it was given, or one in GBNF ("root ::= ...").
/// Errors: invalid_argument with line and what was expected there.
Source grammar_source(std::string_view text);

/// The whole text matches `pattern`.
Source regex_source(std::string_view pattern);

/// What matches one of the two.
Source either(const Source& a, const Source& b);

/// One of the strings.
Source choice_source(const std::vector<std::string>& choices);

}  // namespace strata::grammar
