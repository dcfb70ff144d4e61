// Ids of answers, calls and items.
#pragma once
#include <string>
#include <string_view>

namespace strata::serve {

/// "chatcmpl-" and 24 random hexadecimal digits.
std::string make_id(std::string_view prefix);

}  // namespace strata::serve
