#include "base/numa.h"

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"

namespace strata {
namespace {

TEST(Numa, ModesAreNamedAndOthersRefused) {
  for (const NumaMode mode : {NumaMode::shard, NumaMode::distribute, NumaMode::isolate,
                              NumaMode::numactl})
    EXPECT_EQ(numa_mode(name(mode)), mode);
  EXPECT_THROW(numa_mode("mirror"), Error);
}

TEST(Numa, IsolateKeepsTheNodeOfTheProcess) {
  const Topology machine = fake_topology(2, 3);
  const Topology one = numa_topology(machine, NumaMode::isolate, 4);
  ASSERT_EQ(one.cpus.size(), 3u);
  for (const Cpu& cpu : one.cpus) EXPECT_EQ(cpu.node, 1);
  EXPECT_EQ(numa_topology(machine, NumaMode::shard, 4).cpus.size(), 6u);
  EXPECT_EQ(numa_topology(machine, NumaMode::isolate, 99).cpus.front().node, 0);
}

TEST(Numa, ThreadsKnowTheirNodes) {
  const Topology machine = fake_topology(2, 4);
  EXPECT_EQ(nodes_of(machine, place_threads(machine, 4)), (std::vector<int>{0, 0, 1, 1}));
  EXPECT_EQ(nodes_of(machine, {4, 5}), std::vector<int>()) << "all on one node";
  EXPECT_EQ(nodes_of(machine, {}), std::vector<int>());
}

// What mbind refuses must not matter: memory then lies where it is touched first.
TEST(Numa, TheSystemsBinderLeavesMemoryUsable) {
  Memory memory(4 << 20);
  system_binder().bind(memory.data(), memory.size(), 0);
  system_binder().interleave(memory.data() + 100, memory.size() - 100);
  system_binder().bind(memory.data(), 0, 0);
  std::fill_n(memory.data(), memory.size(), uint8_t{7});
  EXPECT_EQ(memory.data()[memory.size() - 1], 7);
}

}  // namespace
}  // namespace strata
