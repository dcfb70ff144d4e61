// Wire forms: how a family of models writes tool calls, as data. The engine in call_parser.cc reads
// any of them, call_grammar.cc makes a grammar of any of them.
#pragma once
#include <string_view>
#include <vector>

#include "base/registry.h"

namespace strata::dialect {

using Strings = std::vector<std::string_view>;

/// A form: open (call (separator call)*) close, where a call is
///   Head::json   a JSON object with the name and the arguments, or an array of them
///   Head::named  call_open NAME name_end ARGUMENTS call_close
///   Head::python NAME(ARGUMENTS), in brackets if there are several
struct Form {
  enum class Head { json, named, python, harmony };
  enum class Arguments {
    json,   // a JSON object
    pairs,  // key_open KEY key_end value_open VALUE value_end ...
    gemma,  // {KEY:VALUE,...} with strings between `quote`s, up to call_close
  };

  std::string_view name;  // as --tool-call-parser calls it
  Strings aliases = {};
  Strings signs = {};  // a chat template that holds all of them uses this form
  Strings opens = {};  // any of them begins calls; the first is the one to write
  std::string_view close = {};
  bool section_each = false;  // open and close stand around every call
  bool bare = false;          // an answer that begins with a call needs no opening
  Head head = Head::json;
  std::string_view name_key = "name", arguments_key = "arguments";  // of Head::json, to write
  bool list = false;  // calls are written as one JSON array
  Strings call_opens = {};
  Strings name_ends = {};
  std::string_view call_close = {}, separator = {};
  std::string_view name_prefix = {};  // of names on the wire, which the client does not see
  bool numbered = false;  // NAME is followed by ":NUMBER", and the whole is the call's id
  Arguments arguments = Arguments::json;
  std::string_view key_open = {}, key_end = {}, value_open = {}, value_end = {};
  std::string_view string_sign = {};  // within key_end's place: "true" or "false" and `sign_end`
  std::string_view sign_end = {};
  std::string_view quote = {};
};

/// Null if nothing is known under that name.
const Form* find_form(std::string_view name);
/// The form that a chat template teaches; null for none.
const Form* detect_form(std::string_view chat_template);
/// Names and aliases, sorted.
Strings form_names();

}  // namespace strata::dialect
