#include "base/numa.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <iterator>

#include "base/error.h"
#include "base/log.h"

namespace strata {
namespace {

constexpr std::string_view kNames[] = {"shard", "distribute", "isolate", "numactl"};

// linux/mempolicy.h, which not every system has installed.
constexpr int kBind = 2, kInterleave = 3;
constexpr size_t kNodesMax = 1024, kBits = 8 * sizeof(unsigned long);

class SystemBinder : public NumaBinder {
 public:
  void bind(uint8_t* data, size_t bytes, int node) override {
    Mask mask{};
    add(mask, node);
    apply(data, bytes, kBind, mask);
  }
  void interleave(uint8_t* data, size_t bytes) override {
    Mask mask{};
    for (int node = 0; node < topology().n_node; ++node) add(mask, node);
    apply(data, bytes, kInterleave, mask);
  }

 private:
  using Mask = std::array<unsigned long, kNodesMax / kBits>;

  static void add(Mask& mask, int node) {
    const std::vector<int>& ids = topology().node_ids;
    const auto i = static_cast<size_t>(node);
    const auto id = static_cast<size_t>(i < ids.size() ? ids[i] : node);
    if (id < kNodesMax) mask[id / kBits] |= 1ul << (id % kBits);
  }
  static void apply(uint8_t* data, size_t bytes, int policy, const Mask& mask) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t begin = reinterpret_cast<uintptr_t>(data) / page * page;
    const size_t length = reinterpret_cast<uintptr_t>(data) + bytes - begin;
    if (bytes == 0) return;
    if (syscall(SYS_mbind, begin, length, policy, mask.data(), kNodesMax, 0) != 0)
      log::warn_once(fmt::format("cannot place memory on NUMA nodes: {}; it lies where it is "
                                 "touched first",
                                 std::strerror(errno)));
  }
};

}  // namespace

NumaMode numa_mode(std::string_view name) {
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames))
    fail(Code::invalid_argument, "--numa is shard, distribute, isolate or numactl, not '{}'", name);
  return static_cast<NumaMode>(found - std::begin(kNames));
}

std::string_view name(NumaMode mode) { return kNames[static_cast<size_t>(mode)]; }

NumaBinder& system_binder() {
  static SystemBinder binder;
  return binder;
}

Topology numa_topology(const Topology& topology, NumaMode mode, int current_cpu) {
  if (mode != NumaMode::isolate || topology.n_node < 2) return topology;
  const auto here = std::find_if(topology.cpus.begin(), topology.cpus.end(),
                                 [&](const Cpu& cpu) { return cpu.id == current_cpu; });
  const int node = here == topology.cpus.end() ? topology.cpus.front().node : here->node;
  Topology one = topology;
  std::erase_if(one.cpus, [&](const Cpu& cpu) { return cpu.node != node; });
  return one;
}

std::vector<int> nodes_of(const Topology& topology, const std::vector<int>& cpus) {
  std::vector<int> nodes;
  for (const int id : cpus) {
    const auto cpu = std::find_if(topology.cpus.begin(), topology.cpus.end(),
                                  [&](const Cpu& c) { return c.id == id; });
    nodes.push_back(cpu == topology.cpus.end() ? 0 : cpu->node);
  }
  if (std::adjacent_find(nodes.begin(), nodes.end(), std::not_equal_to<>()) == nodes.end())
    nodes.clear();   // all alike
  return nodes;
}

}  // namespace strata
