// The machine: NUMA nodes, cores, caches (hwloc), and the process's CPU affinity.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

struct Cpu {
  int id;         // operating system index
  int core;       // physical core
  int node;       // NUMA node
};

/// What this process may use (affinity and cgroup respected).
struct Topology {
  std::string model;              // CPU model name
  std::vector<Cpu> cpus;          // usable hardware threads, ascending by id
  int n_node = 1;
  size_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;   // per instance
  size_t l3_total_bytes = 0;
};

/// The real machine, or the fake one of STRATA_TOPOLOGY ("2x8" = 2 nodes of 8 cores) for tests.
const Topology& topology();
Topology fake_topology(int nodes, int cores_per_node);

/// CPUs to pin `threads` compute threads to: one per physical core first, spread evenly over the
/// NUMA nodes. `threads` <= 0: one per physical core.
/// GOMP_CPU_AFFINITY (lists and ranges: "0-3 8,10-14:2"), if set, gives the list instead.
std::vector<int> place_threads(const Topology& topology, int threads);

/// Parses GOMP_CPU_AFFINITY's form. Errors: invalid_argument naming the bad part.
std::vector<int> parse_cpu_list(std::string_view text);

/// Threads to use when nobody says: OMP_NUM_THREADS if set, else one per physical core.
int default_threads(const Topology& topology);

}  // namespace strata
