// Monotonic time.
#pragma once
#include <cstdint>

namespace strata {
/// Seconds / nanoseconds since an arbitrary start; never goes back.
double now_s();
int64_t now_ns();
/// Seconds since the Unix epoch.
int64_t unix_time_s();
}  // namespace strata
