#include "base/cpu_parking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace strata {
namespace {

constexpr int64_t kMs = 1'000'000;

std::vector<int> cpus(const CpuParking& p) { return {p.in_use().begin(), p.in_use().end()}; }

TEST(CpuParking, LeavesADisturbedCpuAndKeepsTheOthersInPlace) {
  CpuParking p(4);
  EXPECT_TRUE(p.update(0, 100 * kMs, std::vector<int64_t>{0, 50 * kMs, 1 * kMs, 0}));
  EXPECT_EQ(cpus(p), (std::vector<int>{0, 3, 2}));
  EXPECT_FALSE(p.all_in_use());
}

TEST(CpuParking, NoiseAndEquallyDisturbedCpusParkNothing) {
  CpuParking noise(8), crowd(4);
  EXPECT_FALSE(noise.update(0, 100 * kMs, std::vector<int64_t>(8, 9 * kMs)));
  EXPECT_FALSE(crowd.update(0, 100 * kMs, std::vector<int64_t>(4, 50 * kMs)));
  EXPECT_TRUE(noise.all_in_use() && crowd.all_in_use());
}

TEST(CpuParking, ADisturbanceSmallerThanTheCpuIsBorne) {
  CpuParking p(2);   // half of the pool for a fifth of a CPU: no
  EXPECT_FALSE(p.update(0, 100 * kMs, std::vector<int64_t>{0, 20 * kMs}));
}

TEST(CpuParking, RestsLongerEachTimeAndForgetsOnceCalm) {
  CpuParking p(2);
  const std::vector<int64_t> busy{0, 50 * kMs}, calm{0, 0}, alone{0};
  int64_t now = 0, last = 0;
  for (const int64_t seconds : {1, 2, 4, 8, 16, 16}) {
    EXPECT_TRUE(p.update(now, 100 * kMs, busy));
    EXPECT_FALSE(p.update(now + seconds * 1000 * kMs - 1, 100 * kMs, alone));
    now += seconds * 1000 * kMs;
    EXPECT_TRUE(p.update(now, 100 * kMs, alone));
    EXPECT_EQ(cpus(p), (std::vector<int>{0, 1}));
    last = seconds;
  }
  EXPECT_EQ(last, 16);
  EXPECT_FALSE(p.update(now, 100 * kMs, calm));
  EXPECT_TRUE(p.update(now, 100 * kMs, busy));
  EXPECT_TRUE(p.update(now + 1000 * kMs, 100 * kMs, alone));
}

// Whatever is seen: each CPU is in use or parked, once, and one always is in use.
TEST(CpuParking, KeepsEveryCpuAccountedFor) {
  std::mt19937 random(7);
  CpuParking p(6);
  for (int64_t now = 0, i = 0; i < 2000; ++i, now += static_cast<int64_t>(random() % 900) * kMs) {
    std::vector<int64_t> waited(p.in_use().size());
    for (int64_t& w : waited) w = static_cast<int64_t>(random() % 3 ? 0 : random() % 130) * kMs;
    p.update(now, 100 * kMs, waited);
    std::vector<int> seen = cpus(p);
    std::sort(seen.begin(), seen.end());
    ASSERT_FALSE(seen.empty());
    ASSERT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
    ASSERT_TRUE(seen.front() >= 0 && seen.back() < 6);
  }
  for (int i = 0; i < 2; ++i)
    p.update(int64_t{1} << 50, 100 * kMs, std::vector<int64_t>(p.in_use().size()));
  EXPECT_EQ(p.in_use().size(), 6u);
}

}  // namespace
}  // namespace strata
