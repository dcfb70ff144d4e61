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
  int64_t first = 0;   // the owner's first piece, by what it did the last time; 0: half of the part
};

/// Calls work(owner, begin, end) until the units [0, total(owner)) of all owners are handed out,
/// each unit once: first the thread's own, then what is left of the others', neighbours first, half
/// of what is left at a time. Every piece interrupts the stream from memory, so the owner begins
/// with one of 7/8 of what it came to do the last time, which is all of its part where cores are
/// equal. No piece is smaller than `least` units, but for the last of a part.
/// `next` is 0 before; which thread does what depends on timing, so `work` must not.
template <class Total, class Work>
void take_shares(std::span<WorkCursor> cursors, int thread, int64_t least, Total&& total,
                 Work&& work) {
  const int threads = static_cast<int>(cursors.size());
  for (int i = 0; i < threads; ++i) {
    const int owner = thread + i < threads ? thread + i : thread + i - threads;
    WorkCursor& cursor = cursors[static_cast<size_t>(owner)];
    const int64_t all = total(owner);
    int64_t mine = 0;
    for (int64_t at = cursor.next.load(std::memory_order_relaxed); at < all;) {
      const int64_t wish = at == 0 && i == 0 && cursor.first > 0 ? cursor.first : (all - at) / 2;
      const int64_t take = std::min(std::max(wish / least * least, least), all - at);
      if (!cursor.next.compare_exchange_weak(at, at + take, std::memory_order_relaxed)) continue;
      work(owner, at, at + take);
      mine += take;
      at = cursor.next.load(std::memory_order_relaxed);
    }
    if (i == 0) cursor.first = mine - mine / 8;
  }
}

}  // namespace strata
