#include "base/threads.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/topology.h"

namespace strata {
namespace {

int usable() { return static_cast<int>(topology().cpus.size()); }

// Each round every thread writes its slot, meets the others, and reads all slots: a barrier that
// lets anyone through early shows a stale value.
void expect_barriers_hold(int threads, int rounds, ThreadPool::Options options = {}) {
  options.threads = threads;
  ThreadPool pool(options);
  std::vector<int> slot(static_cast<size_t>(threads), -1);   // plain ints: the barrier orders them
  std::atomic<int> wrong{0};
  pool.run([&](int t) {
    for (int r = 0; r < rounds; ++r) {
      slot[static_cast<size_t>(t)] = r;
      pool.barrier(t);
      for (const int seen : slot) wrong += seen != r;
      pool.barrier(t);
    }
  });
  EXPECT_EQ(wrong, 0) << threads << " threads";
  EXPECT_EQ(pool.barriers(), 2u * static_cast<unsigned>(rounds));
}

TEST(ThreadPool, BarrierHoldsFlatAndInTheTree) {
  for (const int threads : {1, 2, 3, 4, 8, 9, 13, 40})
    expect_barriers_hold(threads, 200, {.pin = false});
}

// Threads of one CPU share a seat: of different sizes, and more seats than the flat barrier takes
// (CPUs that cannot be pinned to still make seats).
TEST(ThreadPool, BarrierHoldsWithSeveralThreadsASeat) {
  for (const int threads : {1, 2, 3, 5, 40}) expect_barriers_hold(threads, 200);
  std::vector<int> cpus(11);
  std::iota(cpus.begin(), cpus.end(), 0);
  expect_barriers_hold(27, 200, {.cpus = cpus});
}

TEST(ThreadPool, BarrierHoldsWhenOversubscribed) {
  expect_barriers_hold(2 * usable(), 5000);
  expect_barriers_hold(8 * usable(), 300, {.pin = false});
}

TEST(ThreadPool, BarrierHoldsWhenEveryWaitSleeps) {
  expect_barriers_hold(2, 2000, {.spin_us = 0});
  expect_barriers_hold(12, 200, {.spin_us = 0});
}

// A thread that comes late makes the others sleep at a point that differs each time.
TEST(ThreadPool, LateThreadsLoseNoWakeUp) {
  ThreadPool pool({.threads = 3, .spin_us = 20});
  std::atomic<int> sum{0};
  pool.run([&](int t) {
    std::mt19937 random(static_cast<unsigned>(t));
    for (int r = 0; r < 300; ++r) {
      if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 60));
      sum += 1;
      pool.barrier(t);
    }
  });
  EXPECT_EQ(sum, 900);
}

TEST(ThreadPool, EveryThreadRunsOnceARun) {
  for (const int threads : {1, 2, 5, 17}) {
    ThreadPool pool({.threads = threads});
    std::vector<int> runs(static_cast<size_t>(threads), 0);
    for (int i = 0; i < 500; ++i) {
      pool.run([&](int t) { ++runs[static_cast<size_t>(t)]; });
      if (i == 250) std::this_thread::sleep_for(std::chrono::milliseconds(5));   // all asleep
    }
    EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(threads), 500));
  }
}

TEST(ThreadPool, TwoPoolsShareTheMachine) {
  std::atomic<int> total{0};
  auto drive = [&] {
    ThreadPool pool({.threads = 2});
    for (int i = 0; i < 200; ++i) {
      pool.run([&](int t) {
        pool.barrier(t);
        ++total;
      });
    }
  };
  std::thread other(drive);
  drive();
  other.join();
  EXPECT_EQ(total, 800);
}

std::vector<int> my_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  return cpus;
}

TEST(ThreadPool, PinsAndGivesTheCallerBack) {
  const std::vector<int> before = my_cpus();
  {
    ThreadPool pool({.threads = usable()});
    std::vector<std::vector<int>> inside(static_cast<size_t>(usable()));
    pool.run([&](int t) { inside[static_cast<size_t>(t)] = my_cpus(); });
    for (size_t t = 0; t < inside.size(); ++t)
      EXPECT_EQ(inside[t], std::vector<int>{pool.cpus()[t]}) << "thread " << t;
    std::thread other([&] { pool.run([](int) {}); });
    other.join();
    EXPECT_EQ(my_cpus(), before) << "another caller took thread 0's place";
    pool.run([](int) {});
  }
  EXPECT_EQ(my_cpus(), before);
}

TEST(ThreadPool, UnpinnedLeavesAffinityAlone) {
  const std::vector<int> before = my_cpus();
  ThreadPool pool({.threads = 2, .pin = false});
  std::vector<int> worker;
  pool.run([&](int t) {
    if (t == 1) worker = my_cpus();
  });
  EXPECT_EQ(worker, before);
  EXPECT_EQ(my_cpus(), before);
}

TEST(ThreadPool, SizeFollowsOptions) {
  EXPECT_EQ(ThreadPool({.threads = 0, .cpus = {0, 0, 0}}).size(), 3);
  EXPECT_EQ(ThreadPool({.threads = 4, .cpus = {0}}).cpus(), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_THROW(ThreadPool({.threads = kThreadsMax + 1}), Error);
}

TEST(ThreadPool, SurvivesACpuItCannotPinTo) {
  ThreadPool pool({.threads = 2, .cpus = {0, kThreadsMax * 8 - 1}});
  std::atomic<int> runs{0};
  pool.run([&](int) { ++runs; });
  EXPECT_EQ(runs, 2);
}

// Threads that were left out are back for a run of all, on CPUs of their own, and every thread that
// takes part runs once.
TEST(ThreadPool, LeavesThreadsOutAndTakesThemBack) {
  for (const int threads : {2, 5, 11}) {   // the largest barrier is a tree
    ThreadPool pool({.threads = threads, .pin = false});
    std::mt19937 random(3);
    for (int i = 0; i < 300; ++i) {
      const int width = 1 + static_cast<int>(random() % static_cast<unsigned>(threads));
      pool.narrow(width);
      EXPECT_EQ(pool.adapt(), width);
      std::vector<int> runs(static_cast<size_t>(threads));
      const auto work = [&](int t) {
        for (int meeting = 0; meeting < 3; ++meeting) pool.barrier(t);
        ++runs[static_cast<size_t>(t)];
      };
      for (int n = 0; n < 3; ++n) pool.run_some(work);
      for (int t = 0; t < threads; ++t)
        ASSERT_EQ(runs[static_cast<size_t>(t)], t < width ? 3 : 0) << "thread " << t;
      if (random() % 3) continue;
      pool.run(work);
      for (int t = 0; t < threads; ++t)
        ASSERT_EQ(runs[static_cast<size_t>(t)], t < width ? 4 : 1) << "thread " << t;
    }
  }
}

TEST(SplitEvenly, CoversInWholeUnitsAndDiffersByOneUnit) {
  for (const int64_t n : {0, 1, 7, 32, 100, 4096})
    for (const int parts : {1, 2, 3, 8, 61})
      for (const int64_t unit : {1, 4, 32}) {
        int64_t at = 0, least = n + unit, most = 0;
        for (int part = 0; part < parts; ++part) {
          const auto [first, last] = split_evenly(n, part, parts, unit);
          EXPECT_EQ(first, at);
          EXPECT_LE(first, last);
          EXPECT_TRUE(first % unit == 0 || first == n);
          const int64_t units = (last - first + unit - 1) / unit;
          least = std::min(least, units);
          most = std::max(most, units);
          at = last;
        }
        EXPECT_EQ(at, n);
        EXPECT_LE(most - least, 1);
      }
}

}  // namespace
}  // namespace strata
