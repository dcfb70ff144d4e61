#include "base/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>

namespace strata {
namespace {

std::mutex g_mutex;
std::multiset<int> g_reserved;

}  // namespace

std::vector<int> background_cpus(const Topology& topology, const std::vector<int>& reserved) {
  const std::set<int> taken(reserved.begin(), reserved.end());
  std::set<int> cores;
  for (const Cpu& cpu : topology.cpus)
    if (taken.contains(cpu.id)) cores.insert(cpu.core);
  std::vector<int> own, second, all;
  for (const Cpu& cpu : topology.cpus) {
    all.push_back(cpu.id);
    if (taken.contains(cpu.id)) continue;
    second.push_back(cpu.id);
    if (!cores.contains(cpu.core)) own.push_back(cpu.id);
  }
  return !own.empty() ? own : !second.empty() ? second : all;
}

ReservedCpus::ReservedCpus(std::vector<int> cpus) : cpus_(std::move(cpus)) {
  const std::lock_guard lock(g_mutex);
  g_reserved.insert(cpus_.begin(), cpus_.end());
}

ReservedCpus::~ReservedCpus() {
  const std::lock_guard lock(g_mutex);
  for (const int cpu : cpus_) g_reserved.erase(g_reserved.find(cpu));
}

std::vector<int> ReservedCpus::all() {
  const std::lock_guard lock(g_mutex);
  return {g_reserved.begin(), g_reserved.end()};
}

void enter_background(int niceness) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int id : background_cpus(topology(), ReservedCpus::all()))
    if (id < CPU_SETSIZE) CPU_SET(id, &set);
  if (CPU_COUNT(&set) > 0) sched_setaffinity(0, sizeof set, &set);
  const auto self = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + niceness);
}

}  // namespace strata
