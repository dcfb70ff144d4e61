// What this binary was built from.
#pragma once
#include <string_view>

namespace strata {
/// "0.1.0"
std::string_view version();
/// Short commit id; "unknown" when it was not built from a git checkout.
std::string_view commit();
}  // namespace strata
