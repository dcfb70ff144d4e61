// What the forms of other APIs than OpenAI's share. For .cc files of this folder (json.h).
#pragma once
#include <string>
#include <string_view>

#include "serve/json.h"

namespace strata::serve {

/// "event: NAME\ndata: JSON\n\n"
void append_named_event(std::string& out, std::string_view name, const Json& json);

/// One JSON a line.
void append_line(std::string& out, const Json& json);

/// "2026-01-31T12:00:00Z", of a Unix time.
std::string iso_time(int64_t unix_s);

/// A text, or the texts of an array of parts {"type": one of `types`, "text": ...}, joined.
/// Errors: invalid_argument naming the part.
std::string text_of(const Json& content, const std::string& path,
                    std::initializer_list<std::string_view> types);

}  // namespace strata::serve
