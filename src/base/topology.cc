#include "base/topology.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <tuple>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/machine.h"

namespace strata {
namespace {

constexpr int kCpuIdMax = kThreadsMax * 8 - 1;

// An unset and an empty variable are the same.
std::string_view environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

// Parses a whole number in [least, most] at the front of `text` and removes it.
bool take_int(std::string_view& text, int least, int most, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < least || value > most) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

Topology detect() {
  if (const std::string_view fake = environment("STRATA_TOPOLOGY"); !fake.empty())
    return fake_machine(fake);
#if STRATA_HWLOC
  return hwloc_machine();
#else
  return sysfs_machine();
#endif
}

int physical_cores(const Topology& topology) {
  int most = 0;
  for (const Cpu& cpu : topology.cpus) most = std::max(most, cpu.core + 1);
  return std::max(most, 1);
}

// The CPUs of GOMP_CPU_AFFINITY that this process may use; empty when it is unset.
std::vector<int> gomp_cpus(const Topology& topology) {
  const std::string_view text = environment("GOMP_CPU_AFFINITY");
  if (text.empty()) return {};
  std::vector<int> listed = parse_cpu_list(text);
  std::erase_if(listed, [&](int id) {
    return std::none_of(topology.cpus.begin(), topology.cpus.end(),
                        [&](const Cpu& cpu) { return cpu.id == id; });
  });
  if (listed.empty())
    log::warn_once(fmt::format("GOMP_CPU_AFFINITY '{}' names no usable CPU; ignored", text));
  return listed;
}

}  // namespace

const Topology& topology() {
  static const Topology machine = detect();
  return machine;
}

Topology fake_topology(int nodes, int cores_per_node) {
  Topology machine;
  machine.model = fmt::format("fake {}x{}", nodes, cores_per_node);
  for (int id = 0; id < nodes * cores_per_node; ++id)
    machine.cpus.push_back({.id = id, .core = id, .node = id / cores_per_node});
  machine.n_node = nodes;
  machine.l1d_bytes = size_t{32} << 10;
  machine.l2_bytes = size_t{1} << 20;
  machine.l3_bytes = size_t{32} << 20;
  machine.l3_total_bytes = machine.l3_bytes * static_cast<size_t>(nodes);
  return machine;
}

Topology fake_machine(std::string_view form) {
  std::string_view rest = form;
  int nodes = 0, cores = 0;
  if (!take_int(rest, 1, 64, nodes) || !take_char(rest, 'x') ||
      !take_int(rest, 1, kThreadsMax / nodes, cores) || !rest.empty())
    fail(Code::invalid_argument,
         "STRATA_TOPOLOGY must be NODESxCORES with at most {} cores, e.g. 2x8; it is '{}'",
         kThreadsMax, form);
  return fake_topology(nodes, cores);
}

std::vector<int> parse_cpu_list(std::string_view text) {
  const std::string_view whole = text;
  std::vector<int> cpus;
  while (true) {
    while (!text.empty() && (text.front() == ' ' || text.front() == ',' || text.front() == '\t'))
      text.remove_prefix(1);
    if (text.empty()) return cpus;
    const std::string_view part = text.substr(0, text.find_first_of(" ,\t"));
    std::string_view rest = part;
    int first = 0, last = 0, stride = 1;
    bool good = take_int(rest, 0, kCpuIdMax, first);
    last = first;
    if (good && take_char(rest, '-')) {
      good = take_int(rest, first, kCpuIdMax, last);
      if (good && take_char(rest, ':')) good = take_int(rest, 1, kCpuIdMax, stride);
    }
    if (!good || !rest.empty())
      fail(Code::invalid_argument,
           "'{}' in the CPU list '{}' is not a CPU, a range or a range with a stride "
           "(3, 0-3, 0-14:2)",
           part, whole);
    for (int id = first; id <= last; id += stride) cpus.push_back(id);
    if (cpus.size() > kThreadsMax)
      fail(Code::invalid_argument, "the CPU list '{}' names more than {} CPUs", whole, kThreadsMax);
    text.remove_prefix(part.size());
  }
}

int default_threads(const Topology& topology) {
  const std::string_view given = environment("OMP_NUM_THREADS");
  if (!given.empty()) {
    // OpenMP allows a list, one number a nesting level: the first is ours.
    std::string_view first = given.substr(0, given.find(','));
    int threads = 0;
    if (!take_int(first, 1, kThreadsMax, threads) || !first.empty())
      fail(Code::invalid_argument, "OMP_NUM_THREADS must be a number from 1 to {}; it is '{}'",
           kThreadsMax, given);
    return threads;
  }
  if (const auto listed = gomp_cpus(topology); !listed.empty())
    return static_cast<int>(listed.size());
  const int cores = std::min(physical_cores(topology), kThreadsMax);
  // More threads than the quota pays for would all be stopped in the middle of a step.
  if (const auto quota = cgroup::cpu_quota(); quota && *quota < cores)
    return std::max(1, static_cast<int>(std::floor(*quota + 0.01)));
  return cores;
}

std::vector<int> place_threads(const Topology& topology, int threads) {
  std::vector<int> base = gomp_cpus(topology);
  if (threads <= 0)
    threads = base.empty() ? physical_cores(topology) : static_cast<int>(base.size());
  if (base.empty()) {
    // rank: 0 for the first hardware thread of a core, 1 for its second, ...; turn: its place among
    // those of its rank and node. In this order any prefix is even over cores and nodes.
    struct Candidate {
      int rank, turn, node, id;
    };
    std::vector<Candidate> candidates;
    std::map<int, int> core_uses;
    std::map<std::pair<int, int>, int> turns;
    for (const Cpu& cpu : topology.cpus) {
      const int rank = core_uses[cpu.core]++;
      candidates.push_back({rank, turns[{rank, cpu.node}]++, cpu.node, cpu.id});
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(a.rank, a.turn, a.node) < std::tie(b.rank, b.turn, b.node);
    });
    candidates.resize(std::min(candidates.size(), static_cast<size_t>(threads)));
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.node < b.node; });
    for (const Candidate& c : candidates) base.push_back(c.id);
  }
  std::vector<int> placed(static_cast<size_t>(threads));
  for (size_t i = 0; i < placed.size(); ++i) placed[i] = base[i % base.size()];
  return placed;
}

}  // namespace strata
