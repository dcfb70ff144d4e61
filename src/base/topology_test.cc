#include "base/topology.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/machine.h"

namespace strata {
namespace {

// Sets a variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

struct TopologyTest : testing::Test {
  TopologyTest() {
    unsetenv("OMP_NUM_THREADS");
    unsetenv("GOMP_CPU_AFFINITY");
  }
};

TEST_F(TopologyTest, ParsesCpuLists) {
  using V = std::vector<int>;
  EXPECT_EQ(parse_cpu_list("3"), V{3});
  EXPECT_EQ(parse_cpu_list("0-3"), (V{0, 1, 2, 3}));
  EXPECT_EQ(parse_cpu_list("0 3 1-2 4-15:2"), (V{0, 3, 1, 2, 4, 6, 8, 10, 12, 14}));
  EXPECT_EQ(parse_cpu_list("0-3 8,10-14:2"), (V{0, 1, 2, 3, 8, 10, 12, 14}));
  EXPECT_EQ(parse_cpu_list(" 1,\t2 , 1 "), (V{1, 2, 1}));
  EXPECT_EQ(parse_cpu_list("5-5:7"), V{5});
  EXPECT_EQ(parse_cpu_list(""), V{});
}

TEST_F(TopologyTest, RefusesBadCpuLists) {
  for (const char* bad : {"a", "-1", "3-1", "1-", "1:2", "0-4:0", "0-4:", "0-4:-1", "1.5", "0-3;4",
                          "99999999999", "8192", "0-8191", "0x2", "1-2-3"}) {
    try {
      parse_cpu_list(std::string("0 ") + bad);
      ADD_FAILURE() << "'" << bad << "' was taken";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument) << bad;
      EXPECT_NE(std::string(e.what()).find(bad), std::string::npos) << e.what();
    }
  }
}

TEST_F(TopologyTest, RealMachineIsPlausible) {
  const Topology& machine = topology();
  ASSERT_FALSE(machine.cpus.empty());
  std::set<int> nodes;
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(machine.cpus[i - 1].id, machine.cpus[i].id);
    }
    nodes.insert(machine.cpus[i].node);
  }
  EXPECT_EQ(static_cast<int>(nodes.size()), machine.n_node);
  EXPECT_EQ(*nodes.rbegin(), machine.n_node - 1) << "nodes are numbered densely";
  EXPECT_GE(default_threads(machine), 1);
}

#if STRATA_HWLOC
// Two independent readers of the same machine.
TEST_F(TopologyTest, SourcesAgree) {
  const Topology a = hwloc_machine(), b = sysfs_machine();
  ASSERT_EQ(a.cpus.size(), b.cpus.size());
  for (size_t i = 0; i < a.cpus.size(); ++i) {
    EXPECT_EQ(a.cpus[i].id, b.cpus[i].id);
    EXPECT_EQ(a.cpus[i].core, b.cpus[i].core);
    EXPECT_EQ(a.cpus[i].node, b.cpus[i].node);
  }
  EXPECT_EQ(a.n_node, b.n_node);
  EXPECT_EQ(a.model, b.model);
}
#endif

TEST_F(TopologyTest, PlacesEvenlyOverNodes) {
  const Topology machine = fake_topology(2, 8);
  EXPECT_EQ(machine.n_node, 2);
  for (const int threads : {2, 4, 6, 16}) {
    std::map<int, int> per_node;
    const std::vector<int> placed = place_threads(machine, threads);
    ASSERT_EQ(static_cast<int>(placed.size()), threads);
    EXPECT_EQ(std::set<int>(placed.begin(), placed.end()).size(), placed.size());
    EXPECT_TRUE(std::is_sorted(placed.begin(), placed.end())) << "a node's threads are neighbours";
    for (const int id : placed) ++per_node[id / 8];
    EXPECT_EQ(per_node[0], threads / 2);
    EXPECT_EQ(per_node[1], threads / 2);
  }
  EXPECT_EQ(place_threads(machine, 0).size(), 16u);
  EXPECT_EQ(place_threads(fake_topology(1, 2), 5), (std::vector<int>{0, 1, 0, 1, 0}));
}

TEST_F(TopologyTest, TakesPhysicalCoresBeforeTheirSiblings) {
  Topology machine;   // 2 nodes, 2 cores each, 2 hardware threads a core
  for (int id = 0; id < 8; ++id)
    machine.cpus.push_back({.id = id, .core = id / 2, .node = id / 4});
  machine.n_node = 2;
  EXPECT_EQ(place_threads(machine, 0), (std::vector<int>{0, 2, 4, 6}));
  EXPECT_EQ(place_threads(machine, 2), (std::vector<int>{0, 4}));
  EXPECT_EQ(place_threads(machine, 6), (std::vector<int>{0, 2, 1, 4, 6, 5}));
  EXPECT_EQ(default_threads(machine) <= 4, true);
}

TEST_F(TopologyTest, UsesAnUnevenMachineToTheFull) {
  Topology machine;   // affinity left 1 CPU of node 0 and 3 of node 1
  machine.cpus = {{0, 0, 0}, {8, 1, 1}, {9, 2, 1}, {10, 3, 1}};
  machine.n_node = 2;
  EXPECT_EQ(place_threads(machine, 4), (std::vector<int>{0, 8, 9, 10}));
  EXPECT_EQ(place_threads(machine, 2), (std::vector<int>{0, 8}));
}

TEST_F(TopologyTest, HonoursOpenMpVariables) {
  const Topology machine = fake_topology(2, 8);
  {
    const Variable list("GOMP_CPU_AFFINITY", "3 0-1");
    EXPECT_EQ(place_threads(machine, 0), (std::vector<int>{3, 0, 1}));
    EXPECT_EQ(place_threads(machine, 5), (std::vector<int>{3, 0, 1, 3, 0}));
    EXPECT_EQ(default_threads(machine), 3);
    const Variable threads("OMP_NUM_THREADS", "6,2");
    EXPECT_EQ(default_threads(machine), 6);
  }
  {
    const Variable list("GOMP_CPU_AFFINITY", "14-40");   // CPUs this process lacks are left out
    EXPECT_EQ(place_threads(machine, 0), (std::vector<int>{14, 15}));
  }
  {
    const Variable list("GOMP_CPU_AFFINITY", "100");
    EXPECT_EQ(place_threads(machine, 2), (std::vector<int>{0, 8}));
  }
  for (const char* bad : {"0", "-2", "many", "4x", "5000"}) {
    const Variable threads("OMP_NUM_THREADS", bad);
    EXPECT_THROW(default_threads(machine), Error) << bad;
  }
}

TEST_F(TopologyTest, ParsesTheFakeMachine) {
  EXPECT_EQ(fake_machine("2x8").cpus.size(), 16u);
  EXPECT_EQ(fake_machine("2x8").n_node, 2);
  EXPECT_EQ(fake_machine("64x16").cpus.size(), 1024u);
  for (const char* bad : {"", "2", "0x8", "2x", "x8", "2x8x", "2x-8", "64x17", "2 x 8"})
    EXPECT_THROW(fake_machine(bad), Error) << bad;
}

}  // namespace
}  // namespace strata
