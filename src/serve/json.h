// JSON of requests and answers, within limits. For .cc files of this folder: nlohmann is slow to
// include.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace strata::serve {

/// Keeps the order of members: chat templates may print them.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t depth = 100;            // arrays and objects in each other
  size_t values = 2'000'000;     // numbers, strings, ... in all; bounds the memory
};

/// Linear in the text, also for objects with very many members (the last of equal names counts).
/// Errors: invalid_argument with the position and what was expected there.
Json parse_json(std::string_view text, const JsonLimits& limits = {});

/// Compact; ill-formed UTF-8 becomes U+FFFD.
std::string to_text(const Json& json);

/// A JSON string literal with its quotes; ill-formed UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

/// What a value is, for messages: "a number", "an array", ...
std::string_view kind_name(const Json& value);

}  // namespace strata::serve
