// The one pinned pool of compute threads. SPMD: every thread runs the same function and meets the
// others at barriers.
#pragma once
#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace strata {

/// Non-owning reference to a callable: no allocation on the step path.
class ThreadFunction {
 public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, ThreadFunction>)
  ThreadFunction(F&& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, int t) { (*static_cast<std::remove_reference_t<F>*>(o))(t); }) {}
  void operator()(int thread) const { call_(object_, thread); }

 private:
  void* object_;
  void (*call_)(void*, int);
};

class ThreadPool {
 public:
  struct Options {
    int threads = 0;             // <= 0: size of cpus, or default_threads()
    std::vector<int> cpus = {};  // thread i is pinned to cpus[i % size]; empty: place_threads()
    bool pin = true;
    bool park = true;            // adapt() may leave CPUs to other processes
    int spin_us = -1;            // busy-wait this long for the next run or barrier, then sleep;
                                 // below 0: tuning().spin_us
  };
  explicit ThreadPool(const Options& options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;

  int size() const;
  const std::vector<int>& cpus() const;

  /// Runs fn(0) on the calling thread and fn(1 .. size-1) on the others; returns when all are done.
  /// fn must not throw, and every thread must make the same number of barrier calls. Not
  /// re-entrant; one caller at a time. The caller stays pinned between runs; its affinity returns
  /// when another thread calls run or the pool ends.
  /// Cost: about a microsecond while the threads still spin, a wake-up each once they sleep.
  void run(ThreadFunction fn);

  /// The same without the threads whose CPUs other processes use so much that all would wait for
  /// them: on threads 0 .. adapt() - 1. Work must be shared out by that number, and its result not
  /// depend on it.
  void run_some(ThreadFunction fn);
  /// Between two runs: looks at the CPUs, at most every 50 ms of work, and says how many threads
  /// run_some has. Pinned pools with a CPU for each thread only; else size().
  int adapt();
  /// For tests: run_some has `threads` threads from now on. Only where adapt() may change them.
  void narrow(int threads);

  /// Inside run: returns once every thread has arrived; what any of them wrote before is then
  /// visible to all. Spins, then sleeps, so that it stays sane when the cores are oversubscribed.
  void barrier(int thread);

  /// Between two runs: sets Options::spin_us.
  void set_spin(int us);

  /// Number of barrier calls of thread 0 since the start (for reports).
  uint64_t barriers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The part [first, second) of [0, n) that falls to `part` of `parts`, in whole units of `unit`.
std::pair<int64_t, int64_t> split_evenly(int64_t n, int part, int parts, int64_t unit = 1);

}  // namespace strata
