#include "base/work_shares.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/threads.h"

namespace strata {
namespace {

TEST(WorkShares, EveryUnitOnceWhateverTheParts) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool({.threads = threads, .cpus = {}, .pin = false});
    for (const int64_t least : {1, 2, 7}) {
      std::vector<WorkCursor> cursors(static_cast<size_t>(threads));
      std::vector<std::vector<std::atomic<int>>> done;
      for (int t = 0; t < threads; ++t) done.emplace_back(static_cast<size_t>(t * 13));
      pool.run([&](int t) {
        take_shares(cursors, t, least, [&](int owner) { return int64_t{owner} * 13; },
                    [&](int owner, int64_t begin, int64_t end) {
                      EXPECT_LT(begin, end);
                      EXPECT_TRUE(end - begin >= least || end == owner * 13);
                      for (int64_t i = begin; i < end; ++i)
                        ++done[static_cast<size_t>(owner)][static_cast<size_t>(i)];
                    });
      });
      for (const auto& part : done)
        for (const std::atomic<int>& n : part) EXPECT_EQ(n, 1);
    }
  }
}

// A core that stands still in its first piece keeps that piece alone: the others do all the rest.
TEST(WorkShares, OthersDoTheWorkOfASlowCore) {
  constexpr int kThreads = 3;
  constexpr int64_t kUnits = 64;
  ThreadPool pool({.threads = kThreads, .cpus = {}, .pin = false});
  std::vector<WorkCursor> cursors(kThreads);
  std::atomic<int64_t> fast{0}, slow{0};
  std::atomic<bool> slow_began{false};
  pool.run([&](int t) {
    while (t != 0 && !slow_began) std::this_thread::yield();
    take_shares(cursors, t, 1, [](int) { return kUnits; }, [&](int, int64_t begin, int64_t end) {
      if (t != 0) {
        fast += end - begin;
        return;
      }
      slow += end - begin;
      slow_began = true;
      while (slow + fast < kThreads * kUnits) std::this_thread::yield();
    });
  });
  EXPECT_EQ(slow, kUnits / 2);
  EXPECT_EQ(fast, kThreads * kUnits - kUnits / 2);
}

// What others took of a part the last time is left to them the next time: undisturbed, the owner's
// first piece grows to 7/8 of its part.
TEST(WorkShares, TheFirstPieceFollowsWhatTheOwnerDid) {
  std::vector<WorkCursor> cursors(1);
  const auto first_piece = [&](int64_t stolen) {
    cursors[0].next = 0;
    int64_t first = 0;
    take_shares(cursors, 0, 1, [](int) { return int64_t{64}; },
                [&](int, int64_t begin, int64_t end) {
                  if (begin > 0) return;
                  first = end;
                  cursors[0].next += stolen;
                });
    return first;
  };
  EXPECT_EQ(first_piece(0), 32);
  EXPECT_EQ(first_piece(0), 56);
  EXPECT_EQ(first_piece(8), 56);
  EXPECT_EQ(first_piece(0), 49);   // 7/8 of the 56 that it did
  EXPECT_EQ(first_piece(0), 56);
}

}  // namespace
}  // namespace strata
