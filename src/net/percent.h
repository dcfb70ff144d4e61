// Percent-encoding (RFC 3986, section 2.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace strata::net {

/// None for an incomplete or non-hexadecimal escape.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace strata::net
