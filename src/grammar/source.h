// A grammar as text, in one of the forms that compile.
#pragma once
#include <string>

namespace strata::grammar {

enum class Kind { json_schema, regex, lark };

struct Source {
  Kind kind = Kind::json_schema;
  std::string text;
  bool operator==(const Source&) const = default;
};

/// Bytes of a grammar that are accepted.
inline constexpr size_t kSchemaMax = size_t(1) << 20, kGrammarMax = size_t(256) << 10;

}  // namespace strata::grammar
