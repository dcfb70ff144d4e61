// Bytes as text.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

std::string to_base64(std::string_view bytes);
/// What follows a '=' is ignored; nothing if another character does not belong there.
/// Source: RFC 4648, section 4.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace strata::model::tokenizer
