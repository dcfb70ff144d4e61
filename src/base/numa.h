// NUMA: which memory lies on which node.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/topology.h"

namespace strata {

/// How threads and memory use several nodes; `distribute`, `isolate` and `numactl` mean what
/// llama.cpp's --numa means by them.
enum class NumaMode : uint8_t {
  shard,        // threads on all nodes; each node has the weights that its threads multiply
  distribute,   // threads on all nodes; weights and KV interleaved over them page by page
  isolate,      // threads and memory on the node that the process started on
  numactl,      // CPUs as numactl or taskset gave them, one by one; memory policy left to them
};
/// Errors: invalid_argument naming the modes.
NumaMode numa_mode(std::string_view name);
std::string_view name(NumaMode mode);

/// Asks the system for pages of a range that nobody touched yet. Tests record the calls.
class NumaBinder {
 public:
  virtual ~NumaBinder() = default;
  /// All pages of the range on one node (its dense number in Topology).
  virtual void bind(uint8_t* data, size_t bytes, int node) = 0;
  /// Pages in turn on all nodes.
  virtual void interleave(uint8_t* data, size_t bytes) = 0;
};

/// The system's, for the nodes of `topology`: mbind. What it refuses is logged once and left to
/// first touch.
NumaBinder& system_binder();

/// The CPUs of `mode`: one node's for isolate, else all.
/// `current_cpu`: where the calling thread runs.
Topology numa_topology(const Topology& topology, NumaMode mode, int current_cpu);

/// Node of each thread of a pool on `cpus`; empty when all are on one node.
std::vector<int> nodes_of(const Topology& topology, const std::vector<int>& cpus);

}  // namespace strata
