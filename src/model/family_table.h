// The table of docs/models.md: every registered family, a row each.
#pragma once
#include <string>

namespace strata::model {

/// Markdown, sorted by name.
std::string family_table();

}  // namespace strata::model
