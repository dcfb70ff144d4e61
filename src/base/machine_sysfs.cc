#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "base/machine.h"

namespace strata {
namespace {

constexpr int kCacheIndexMax = 16;   // cache descriptions of one CPU

int read_int(const std::string& path, int otherwise) {
  int value = otherwise;
  std::ifstream(path) >> value;
  return value;
}

std::string read_word(const std::string& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

// "32768K" or "32M"
size_t read_size(const std::string& path) {
  size_t value = 0;
  char unit = 0;
  std::ifstream(path) >> value >> unit;
  return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

int node_of(const std::string& cpu) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(cpu, none)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("node") && name.find_first_not_of("0123456789", 4) == name.npos)
      return std::atoi(name.c_str() + 4);
  }
  return 0;
}

std::string cpu_model(const std::string& root) {
  std::ifstream file(root + "/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != line.npos)
      return line.substr(line.find(": ") + 2);
  return {};
}

template <class Key>
int number(std::map<Key, int>& seen, Key key) {
  return seen.emplace(key, static_cast<int>(seen.size())).first->second;
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> ids;
  cpu_set_t* set = CPU_ALLOC(kThreadsMax * 8);
  const size_t bytes = CPU_ALLOC_SIZE(kThreadsMax * 8);
  CPU_ZERO_S(bytes, set);
  if (sched_getaffinity(0, bytes, set) == 0)
    for (int i = 0; i < kThreadsMax * 8; ++i)
      if (CPU_ISSET_S(i, bytes, set)) ids.push_back(i);
  CPU_FREE(set);
  if (ids.empty()) ids.push_back(0);
  return ids;
}

Topology sysfs_machine(const std::string& root) {
  Topology machine;
  machine.model = cpu_model(root);
  std::map<std::pair<int, int>, int> cores;
  std::map<int, int> nodes;
  std::set<std::string> l3_seen;
  for (const int id : allowed_cpus()) {
    const std::string cpu = root + "/sys/devices/system/cpu/cpu" + std::to_string(id);
    const std::pair core(read_int(cpu + "/topology/physical_package_id", 0),
                         read_int(cpu + "/topology/core_id", id));
    machine.cpus.push_back(
        {.id = id, .core = number(cores, core), .node = number(nodes, node_of(cpu))});
    for (int i = 0; i < kCacheIndexMax; ++i) {
      const std::string cache = cpu + "/cache/index" + std::to_string(i);
      const int level = read_int(cache + "/level", 0);
      if (level == 0) break;
      if (read_word(cache + "/type") == "Instruction") continue;
      const size_t bytes = read_size(cache + "/size");
      if (level == 1) machine.l1d_bytes = bytes;
      if (level == 2) machine.l2_bytes = bytes;
      if (level != 3) continue;
      machine.l3_bytes = bytes;
      if (l3_seen.insert(read_word(cache + "/shared_cpu_list")).second)
        machine.l3_total_bytes += bytes;
    }
  }
  machine.n_node = std::max<int>(1, static_cast<int>(nodes.size()));
  machine.node_ids.resize(nodes.size());
  for (const auto& [id, dense] : nodes) machine.node_ids[static_cast<size_t>(dense)] = id;
  return machine;
}

}  // namespace strata
