#include "base/version.h"

// Written by cmake/commit.cmake into the build folder; this file alone depends on it, so that a
// commit rebuilds one object.
#include "generated/version_data.h"

namespace strata {
std::string_view version() { return STRATA_VERSION; }
std::string_view commit() { return STRATA_COMMIT; }
}  // namespace strata
