#include "base/threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <set>
#include <system_error>
#include <thread>

#include "base/background.h"
#include "base/cgroup.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/topology.h"
#include "base/tuning.h"

namespace strata {
namespace {

constexpr int kFlatMax = 8;           // up to here every thread polls every other
constexpr int kTreeWidth = 4;         // children of a thread in the tree above that
// Spinning takes the core from the thread that one waits for; sched_yield would give away a whole
// slice to whoever else wants the core.
constexpr int kOversubscribedUs = 2;
constexpr int kPausesPerLook = 32;   // between two reads of the clock

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");   // yield is a no-op on most cores
#endif
}

// One writer, any number of waiters. Two cache lines: neighbouring lines are fetched in pairs.
struct alignas(128) Line {
  std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};
};
static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

long futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

// Values wrap: `target` is reached when it is not ahead of the value.
bool reached(uint32_t value, uint32_t target) { return static_cast<int32_t>(value - target) >= 0; }

// No wake-up is lost: the writer stores the value, then reads the sleepers; a waiter counts itself,
// then reads the value; one total order holds all four.
void publish(Line& line, uint32_t value) {
  line.value.store(value, std::memory_order_seq_cst);
  if (line.sleepers.load(std::memory_order_seq_cst) != 0)
    futex(line.value, FUTEX_WAKE, INT_MAX);
}

void await(Line& line, uint32_t target, int64_t spin_ns) {
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

struct Affinity {
  static constexpr size_t words = kThreadsMax * 8 / (8 * sizeof(unsigned long));
  unsigned long mask[words] = {};
  size_t bytes = 0;   // what the kernel filled

  static Affinity of_caller() {
    Affinity a;
    const long n = syscall(SYS_sched_getaffinity, 0, sizeof a.mask, a.mask);
    a.bytes = n > 0 ? static_cast<size_t>(n) : 0;
    return a;
  }
  static Affinity one(int cpu) {
    Affinity a;
    a.bytes = sizeof a.mask;
    const size_t bits = 8 * sizeof(unsigned long), bit = static_cast<size_t>(cpu);
    if (bit / bits < words) a.mask[bit / bits] = 1ul << (bit % bits);
    return a;
  }
  bool apply(pid_t thread) const {
    return bytes == 0 || syscall(SYS_sched_setaffinity, thread, bytes, mask) == 0;
  }
};

pid_t thread_id() {
  static thread_local const auto id = static_cast<pid_t>(syscall(SYS_gettid));
  return id;
}

void pin_caller(int cpu) {
  if (!Affinity::one(cpu).apply(0))
    log::warn_once(fmt::format("cannot pin a thread to CPU {}: {}; it runs unpinned", cpu,
                               std::strerror(errno)));
}

}  // namespace

struct ThreadPool::Impl {
  int size = 1;
  bool pin = true;
  std::atomic<int64_t> spin_ns{0};
  bool crowded = false;
  std::vector<int> cpus;

  Line go;                          // generation of run(); its publication releases the workers
  Line release;                     // tree barriers only: thread 0 says that all have arrived
  std::unique_ptr<Line[]> arrived;  // barriers that t, and in the tree all below it, has reached
  const ThreadFunction* work = nullptr;   // nullptr tells the workers to end
  std::atomic<uint64_t> barriers{0};
  std::vector<std::thread> workers;

  std::unique_ptr<ReservedCpus> reserved;
  pid_t caller = 0;                 // the thread pinned as thread 0
  Affinity caller_before;

  bool flat() const { return size <= kFlatMax; }

  // Returns this barrier's number. In the tree it first waits for the threads below.
  uint32_t arrive(int t) {
    const uint32_t epoch = arrived[t].value.load(std::memory_order_relaxed) + 1;
    if (!flat())
      for (int c = t * kTreeWidth + 1; c <= t * kTreeWidth + kTreeWidth && c < size; ++c)
        await(arrived[c], epoch, spin_ns);
    publish(arrived[t], epoch);
    return epoch;
  }

  void await_others(int t, uint32_t epoch) {
    for (int other = 0; other < size; ++other)
      if (other != t) await(arrived[other], epoch, spin_ns);
  }

  void work_loop(int t) noexcept {
    if (pin) pin_caller(cpus[t]);
    for (uint32_t generation = 1;; ++generation) {
      await(go, generation, spin_ns);
      if (!work) return;
      (*work)(t);
      arrive(t);
    }
  }

  void pin_thread_0() {
    const pid_t self = thread_id();
    if (caller == self) return;
    unpin_caller();
    caller = self;
    caller_before = Affinity::of_caller();
    pin_caller(cpus[0]);
  }

  void unpin_caller() {
    // The thread may have ended and its number may belong to another process by now.
    if (caller != 0 && syscall(SYS_tgkill, getpid(), caller, 0) == 0) caller_before.apply(caller);
    caller = 0;
  }

  void start_workers() {
    // Signals belong to the threads that the program's own code waits in.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (int t = 1; t < size; ++t) {
        workers.emplace_back([this, t] { work_loop(t); });
        pthread_setname_np(workers.back().native_handle(), fmt::format("compute {}", t).c_str());
      }
    } catch (const std::system_error& e) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      stop();
      fail(Code::resource_exhausted, "cannot start {} compute threads: {}", size, e.what());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void stop() {
    work = nullptr;
    publish(go, go.value.load(std::memory_order_relaxed) + 1);
    for (std::thread& worker : workers) worker.join();
    unpin_caller();
  }
};

ThreadPool::ThreadPool(const Options& options) : impl_(std::make_unique<Impl>()) {
  Impl& p = *impl_;
  p.pin = options.pin;
  p.size = options.threads > 0     ? options.threads
           : !options.cpus.empty() ? static_cast<int>(options.cpus.size())
                                   : default_threads(topology());
  if (p.size > kThreadsMax)
    fail(Code::invalid_argument, "{} threads asked for; the most is {}", p.size, kThreadsMax);
  p.cpus = options.cpus.empty() ? place_threads(topology(), p.size) : options.cpus;
  const size_t given = p.cpus.size();
  p.cpus.resize(static_cast<size_t>(p.size));
  for (size_t i = given; i < p.cpus.size(); ++i) p.cpus[i] = p.cpus[i % given];

  size_t cpus = topology().cpus.size();
  if (p.pin) cpus = std::min(cpus, std::set<int>(p.cpus.begin(), p.cpus.end()).size());
  const double usable =
      std::min(static_cast<double>(cpus), cgroup::cpu_quota().value_or(kThreadsMax));
  p.crowded = p.size > usable;
  set_spin(options.spin_us);
  p.arrived = std::make_unique<Line[]>(static_cast<size_t>(p.size));
  if (p.pin) p.reserved = std::make_unique<ReservedCpus>(p.cpus);
  p.start_workers();
}

void ThreadPool::set_spin(int us) {
  if (us < 0) us = tuning().spin_us;
  impl_->spin_ns = 1000 * int64_t{impl_->crowded ? std::min(us, kOversubscribedUs) : us};
}

ThreadPool::~ThreadPool() { impl_->stop(); }

int ThreadPool::size() const { return impl_->size; }

const std::vector<int>& ThreadPool::cpus() const { return impl_->cpus; }

void ThreadPool::run(ThreadFunction fn) {
  Impl& p = *impl_;
  if (p.pin) p.pin_thread_0();
  if (p.size == 1) return fn(0);
  p.work = &fn;
  publish(p.go, p.go.value.load(std::memory_order_relaxed) + 1);
  fn(0);
  // The end is half a barrier: thread 0 waits for the others, and they for the next generation.
  const uint32_t epoch = p.arrive(0);
  if (p.flat()) p.await_others(0, epoch);
}

void ThreadPool::barrier(int thread) {
  Impl& p = *impl_;
  if (thread == 0)
    p.barriers.store(p.barriers.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (p.size == 1) return;
  const uint32_t epoch = p.arrive(thread);
  if (p.flat()) return p.await_others(thread, epoch);
  if (thread == 0) publish(p.release, epoch);
  else await(p.release, epoch, p.spin_ns);
}

uint64_t ThreadPool::barriers() const { return impl_->barriers.load(std::memory_order_relaxed); }

std::pair<int64_t, int64_t> split_evenly(int64_t n, int part, int parts, int64_t unit) {
  STRATA_CHECK(n >= 0 && unit > 0 && parts > 0 && part >= 0 && part < parts);
  const int64_t units = (n + unit - 1) / unit;
  const int64_t each = units / parts, more = units % parts;   // the first `more` parts get one more
  const int64_t first = each * part + std::min<int64_t>(part, more);
  const int64_t last = first + each + (part < more ? 1 : 0);
  return {std::min(first * unit, n), std::min(last * unit, n)};
}

}  // namespace strata
