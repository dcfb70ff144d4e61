#include "base/wait_line.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "base/clock.h"

namespace strata {
namespace {

constexpr int kPausesPerLook = 32;   // between two reads of the clock

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");   // yield is a no-op on most cores
#endif
}

long futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

bool reached(uint32_t value, uint32_t target) { return static_cast<int32_t>(value - target) >= 0; }

}  // namespace

// No wake-up is lost: the writer stores the value, then reads the sleepers; a waiter counts itself,
// then reads the value; one total order holds all four.
void publish(WaitLine& line, uint32_t value) {
  line.value.store(value, std::memory_order_seq_cst);
  if (line.sleepers.load(std::memory_order_seq_cst) != 0)
    futex(line.value, FUTEX_WAKE, INT_MAX);
}

void await(WaitLine& line, uint32_t target, int64_t spin_ns) {
  if (reached(line.value.load(std::memory_order_acquire), target)) return;
  for (const int64_t until = now_ns() + spin_ns; now_ns() < until;)
    for (int i = 0; i < kPausesPerLook; ++i) {
      pause();
      if (reached(line.value.load(std::memory_order_acquire), target)) return;
    }
  line.sleepers.fetch_add(1, std::memory_order_seq_cst);
  for (;;) {
    const uint32_t value = line.value.load(std::memory_order_seq_cst);
    if (reached(value, target)) break;
    futex(line.value, FUTEX_WAIT, value);
  }
  line.sleepers.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace strata
