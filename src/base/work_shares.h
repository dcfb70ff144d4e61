// Work cut evenly over threads, of which a thread that ends early takes more: cores of different
// speed, and cores that others use too, end together.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>

namespace strata {

/// How far one thread's part is handed out. A cache line each: only thieves touch another's.
struct alignas(64) WorkCursor {
  std::atomic<int64_t> next{0};
};

/// Calls work(owner, begin, end) until the units [0, total(owner)) of all owners are handed out,
/// each unit once: first the thread's own, half of what is left at a time, then what is left of the
/// others', neighbours first. No piece is smaller than `least` units, but for the last of a part.
/// All cursors are 0 before; which thread does what depends on timing, so `work` must not.
template <class Total, class Work>
void take_shares(std::span<WorkCursor> cursors, int thread, int64_t least, Total&& total,
                 Work&& work) {
  const int threads = static_cast<int>(cursors.size());
  for (int i = 0; i < threads; ++i) {
    const int owner = thread + i < threads ? thread + i : thread + i - threads;
    std::atomic<int64_t>& next = cursors[static_cast<size_t>(owner)].next;
    const int64_t all = total(owner);
    for (int64_t at = next.load(std::memory_order_relaxed); at < all;) {
      const int64_t half = (all - at) / 2 / least * least;
      const int64_t take = std::min(std::max(half, least), all - at);
      if (!next.compare_exchange_weak(at, at + take, std::memory_order_relaxed)) continue;
      work(owner, at, at + take);
      at = next.load(std::memory_order_relaxed);
    }
  }
}

}  // namespace strata
