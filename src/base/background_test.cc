#include "base/background.h"

#include <gtest/gtest.h>

#include "base/threads.h"

namespace strata {
namespace {

TEST(Background, TakesCoresThatDoNotCompute) {
  const Topology machine = fake_topology(2, 3);
  EXPECT_EQ(background_cpus(machine, {0, 1, 3, 4}), (std::vector<int>{2, 5}));
  EXPECT_EQ(background_cpus(machine, {}).size(), 6u);
  EXPECT_EQ(background_cpus(machine, {0, 1, 2, 3, 4, 5}).size(), 6u) << "none spare: everywhere";
}

TEST(Background, ThenSecondHardwareThreads) {
  Topology machine = fake_topology(1, 2);
  machine.cpus.push_back({.id = 2, .core = 0, .node = 0});
  machine.cpus.push_back({.id = 3, .core = 1, .node = 0});
  EXPECT_EQ(background_cpus(machine, {0, 1}), (std::vector<int>{2, 3}));
  EXPECT_EQ(background_cpus(machine, {0}), (std::vector<int>{1, 3}));
}

TEST(Background, APinnedPoolReservesItsCpus) {
  const size_t before = ReservedCpus::all().size();
  {
    const ThreadPool pinned({.threads = 2});
    EXPECT_EQ(ReservedCpus::all().size(), before + 2);
    const ThreadPool free({.threads = 2, .pin = false});
    EXPECT_EQ(ReservedCpus::all().size(), before + 2);
  }
  EXPECT_EQ(ReservedCpus::all().size(), before);
}

}  // namespace
}  // namespace strata
