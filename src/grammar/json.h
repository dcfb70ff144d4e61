// JSON of schemas and of structural tags. For .cc files: nlohmann is slow to include.
#pragma once
#include <nlohmann/json.hpp>

namespace strata::grammar {

/// Keeps the order of members: it is the order in which they are generated.
using Json = nlohmann::ordered_json;

}  // namespace strata::grammar
