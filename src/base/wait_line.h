// A number that one thread raises and others wait for: awake for a while, then asleep.
#pragma once
#include <atomic>
#include <cstdint>

namespace strata {

// One writer, any number of waiters. Two cache lines: neighbouring lines are fetched in pairs.
struct alignas(128) WaitLine {
  std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};
};

/// Sets the value and wakes who sleeps; what was written before is visible to whoever saw it.
void publish(WaitLine& line, uint32_t value);

/// Returns once the value is not behind `target` (values wrap), awake for `spin_ns`, then asleep.
void await(WaitLine& line, uint32_t target, int64_t spin_ns);

}  // namespace strata
