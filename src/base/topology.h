// The machine: NUMA nodes, cores, caches (hwloc), and the process's CPU affinity.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

struct Cpu {
  int id;         // operating system index
  int core;       // physical core, numbered densely
  int node;       // NUMA node, numbered densely: 0 .. n_node - 1
};

/// What this process may use (affinity and cgroup respected).
struct Topology {
  std::string model;              // CPU model name
  std::vector<Cpu> cpus;          // usable hardware threads, ascending by id
  int n_node = 1;
  std::vector<int> node_ids = {}; // operating system's number of each node; empty: the same
  size_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;   // per instance
  size_t l3_total_bytes = 0;
};

/// Most threads that one process uses, and most CPUs that a list may name.
inline constexpr int kThreadsMax = 1024;

/// The real machine, or the fake one of STRATA_TOPOLOGY ("2x8" = 2 nodes of 8 cores) for tests.
/// Detected once. Errors: invalid_argument for a malformed STRATA_TOPOLOGY.
const Topology& topology();
Topology fake_topology(int nodes, int cores_per_node);

/// CPUs to pin `threads` compute threads to: one per physical core first, spread evenly over the
/// NUMA nodes. `threads` <= 0: one per physical core.
/// The threads of one node are neighbours in the result. More threads than CPUs: the list repeats.
/// GOMP_CPU_AFFINITY (lists and ranges: "0-3 8,10-14:2"), if set, gives the list instead.
/// Errors: invalid_argument for a malformed variable.
std::vector<int> place_threads(const Topology& topology, int threads);

/// Parses GOMP_CPU_AFFINITY's form. Errors: invalid_argument naming the bad part.
std::vector<int> parse_cpu_list(std::string_view text);

/// Threads to use when nobody says: OMP_NUM_THREADS, else the length of GOMP_CPU_AFFINITY, else one
/// per physical core but no more than the cgroup's CPU quota allows.
/// Errors: invalid_argument for a malformed variable.
int default_threads(const Topology& topology);

}  // namespace strata
