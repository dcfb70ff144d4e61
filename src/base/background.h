// Threads that serve the outside give way to those that compute.
#pragma once
#include <vector>

#include "base/topology.h"

namespace strata {

/// Where such threads run best, when compute threads are pinned to `reserved`: CPUs on cores of
/// their own; where there are none, second hardware threads of cores that compute; else everywhere.
std::vector<int> background_cpus(const Topology& topology, const std::vector<int>& reserved);

/// Counts the CPUs of a pinned pool as reserved for as long as it lives.
class ReservedCpus {
 public:
  ReservedCpus() = default;
  explicit ReservedCpus(std::vector<int> cpus);
  ~ReservedCpus();
  ReservedCpus(const ReservedCpus&) = delete;
  ReservedCpus& operator=(const ReservedCpus&) = delete;
  static std::vector<int> all();

 private:
  std::vector<int> cpus_;
};

/// The calling thread goes to the background CPUs of this machine, and its priority is lower by
/// `niceness` where it shares them: the threads that it starts inherit both.
void enter_background(int niceness);

}  // namespace strata
