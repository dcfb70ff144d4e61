#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/background.h"
#include "base/barrier.h"
#include "base/cgroup.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/cpu_parking.h"
#include "base/error.h"
#include "base/log.h"
#include "base/topology.h"
#include "base/tuning.h"
#include "base/wait_line.h"

namespace strata {
namespace {

// Spinning then takes time from the thread that one waits for; sched_yield would give away a whole
// slice to whoever else wants the core.
constexpr int kCrowdedUs = 2;
constexpr int64_t kLookNs = 50'000'000;   // of work between two looks at who uses the CPUs

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

// Threads of one CPU share a seat; unpinned ones have one each.
std::vector<int> seats_of(const std::vector<int>& cpus, bool pin) {
  std::map<int, int> seat_of_cpu;
  std::vector<int> seats;
  for (size_t t = 0; t < cpus.size(); ++t) {
    const int fresh = static_cast<int>(pin ? seat_of_cpu.size() : t);
    seats.push_back(pin ? seat_of_cpu.try_emplace(cpus[t], fresh).first->second : fresh);
  }
  return seats;
}

}  // namespace

struct ThreadPool::Impl {
  int size = 1;
  bool pin = true;
  std::atomic<int64_t> spin_ns{0};
  bool crowded = false;             // more seats than CPUs or their quota
  std::vector<int> cpus;
  std::optional<Barrier> barrier;

  WaitLine go;                      // generation of run(); its publication releases the workers
  const ThreadFunction* work = nullptr;
  std::atomic<bool> ending{false};
  std::atomic<uint64_t> barriers{0};
  std::vector<std::thread> workers;

  std::unique_ptr<ReservedCpus> reserved;
  pid_t caller = 0;                 // the thread pinned as thread 0
  Affinity caller_before;
  int caller_cpu = -1;

  // Threads that are left out, because their CPUs are parked, wait for a recall: what they join is
  // the first generation that has room for them. Width and generation change together.
  std::optional<CpuParking> parking;
  int width = 1;                    // threads that take part
  std::atomic<uint64_t> joining{0};           // width << 32 | generation
  WaitLine recall;
  std::vector<int> cpu_of;                    // thread -> CPU, of those that take part
  std::unique_ptr<std::atomic<pid_t>[]> ids;  // thread -> system's number
  std::map<pid_t, int64_t> waited_before;     // system's number -> nanoseconds at the last look
  int64_t busy_ns = 0;                        // since the last look

  void work_loop(int t) noexcept {
    int cpu = cpus[t];
    if (pin) pin_caller(cpu);
    ids[t] = thread_id();
    uint32_t calls = 0;
    for (uint32_t generation = 1;; ++generation) {
      await(go, generation, barrier->shared(t) ? 0 : spin_ns.load());
      if (ending) return;
      (*work)(t);
      if (pin && cpu != cpu_of[t]) pin_caller(cpu = cpu_of[t]);
      // Read before the report: only until then does it stand.
      bool out = t >= static_cast<int>(joining.load(std::memory_order_relaxed) >> 32);
      barrier->report(t, spin_ns);
      while (out) {
        await(recall, ++calls, 0);
        calls = recall.value.load(std::memory_order_acquire);
        if (ending) return;
        const uint64_t room = joining.load(std::memory_order_acquire);
        out = t >= static_cast<int>(room >> 32);
        generation = static_cast<uint32_t>(room) - 1;
      }
    }
  }

  void run(ThreadFunction fn) {
    work = &fn;
    publish(go, go.value.load(std::memory_order_relaxed) + 1);
    fn(0);
    barrier->report(0, spin_ns);
  }

  // Between two runs. Those that leave learn it in a last run with them, those that come join the
  // next; both runs do nothing else.
  void set_width(int wanted) {
    const uint32_t now = go.value.load(std::memory_order_relaxed);
    const uint32_t next = wanted < width ? now + 2 : now + 1;
    joining.store(uint64_t(wanted) << 32 | next, std::memory_order_release);
    if (wanted < width) run([](int) {});
    const bool more = wanted > width;
    width = wanted;
    barrier->narrow(wanted);
    if (more) publish(recall, recall.value.load(std::memory_order_relaxed) + 1);
  }

  void follow_parking() {
    const std::span<const int> in_use = parking->in_use();
    for (size_t t = 0; t < in_use.size(); ++t) cpu_of[t] = cpus[in_use[t]];
    set_width(static_cast<int>(in_use.size()));
    run([](int) {});   // each goes to its CPU
    pin_thread_0();
    log::debug("compute threads: {} of {}, the other CPUs are used by others", width, size);
  }

  // How long each thread that takes part was ready to run but did not, since the last look.
  std::vector<int64_t> waited() {
    std::vector<int64_t> since(static_cast<size_t>(width));
    std::map<pid_t, int64_t> now;
    ids[0] = thread_id();
    for (int t = 0; t < width; ++t) {
      const int64_t total = run_queue_wait_ns(ids[t]).value_or(0);
      const auto before = waited_before.find(ids[t]);
      since[t] = before == waited_before.end() ? 0 : total - before->second;
      now[ids[t]] = total;
    }
    waited_before = std::move(now);
    return since;
  }

  void look() {
    if (parking->update(now_ns(), std::exchange(busy_ns, 0), waited())) follow_parking();
  }

  void pin_thread_0() {
    const pid_t self = thread_id();
    if (caller != self) {
      unpin_caller();
      caller = self;
      caller_before = Affinity::of_caller();
      caller_cpu = -1;
    }
    if (caller_cpu != cpu_of[0]) pin_caller(caller_cpu = cpu_of[0]);
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
    ending = true;
    publish(go, go.value.load(std::memory_order_relaxed) + 1);
    publish(recall, recall.value.load(std::memory_order_relaxed) + 1);
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

  p.barrier.emplace(seats_of(p.cpus, p.pin));
  p.crowded = p.barrier->seats() > std::min(static_cast<double>(topology().cpus.size()),
                                            cgroup::cpu_quota().value_or(kThreadsMax));
  set_spin(options.spin_us);
  p.width = p.size;
  p.joining = uint64_t(p.size) << 32;
  p.cpu_of = p.cpus;
  p.ids = std::make_unique<std::atomic<pid_t>[]>(static_cast<size_t>(p.size));
  if (p.pin && !p.crowded && p.size > 1 && p.barrier->seats() == p.size && options.park)
    p.parking.emplace(p.size);
  if (p.pin) p.reserved = std::make_unique<ReservedCpus>(p.cpus);
  p.start_workers();
}

void ThreadPool::set_spin(int us) {
  if (us < 0) us = tuning().spin_us;
  impl_->spin_ns = 1000 * int64_t{impl_->crowded ? std::min(us, kCrowdedUs) : us};
}

ThreadPool::~ThreadPool() { impl_->stop(); }

int ThreadPool::size() const { return impl_->size; }

const std::vector<int>& ThreadPool::cpus() const { return impl_->cpus; }

int ThreadPool::adapt() {
  Impl& p = *impl_;
  if (p.parking && p.busy_ns >= kLookNs) {
    p.pin_thread_0();
    p.look();
  }
  return p.width;
}

void ThreadPool::narrow(int threads) {
  Impl& p = *impl_;
  STRATA_CHECK(threads > 0 && threads <= p.size && p.barrier->seats() == p.width);
  p.parking.reset();
  if (threads != p.width) p.set_width(threads);
}

void ThreadPool::run(ThreadFunction fn) {
  Impl& p = *impl_;
  if (p.width < p.size) {
    if (p.parking) p.parking.emplace(p.size);
    p.cpu_of = p.cpus;
    p.set_width(p.size);
  }
  run_some(fn);
}

void ThreadPool::run_some(ThreadFunction fn) {
  Impl& p = *impl_;
  if (p.pin) p.pin_thread_0();
  if (p.size == 1) return fn(0);
  const int64_t start = now_ns();
  p.run(fn);
  p.busy_ns += now_ns() - start;
}

void ThreadPool::barrier(int thread) {
  Impl& p = *impl_;
  if (thread == 0)
    p.barriers.store(p.barriers.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (p.width > 1) p.barrier->meet(thread, p.spin_ns);
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
