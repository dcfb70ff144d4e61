// JSON schemas as the compiler takes them.
#pragma once
#include <string>

#include "grammar/json.h"
#include "grammar/source.h"

namespace strata::grammar {

struct JsonStyle {
  bool compact = false;         // no space between the parts of the text
  std::string whitespace = {};  // a regular expression for it; empty: some, but not without end
};

/// A schema with how its text is laid out, and with what means the same but cannot be compiled
/// rewritten: options of oneOf that are references are put in place, "uniqueItems": false goes.
/// Errors: invalid_argument for what is no schema, or asks that keywords be ignored.
Json prepare_schema(const Json& schema, const JsonStyle& style = {});

Source json_source(const Json& schema, const JsonStyle& style = {});

/// Any JSON object.
Source json_object_source(const JsonStyle& style = {});

}  // namespace strata::grammar
