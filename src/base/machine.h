// Sources of the real machine's Topology.
#pragma once
#include "base/topology.h"

namespace strata {

/// By hwloc: knows every platform and its firmware's errors.
Topology hwloc_machine();
/// By /sys and /proc alone, for builds without hwloc. `root` stands before both (tests).
Topology sysfs_machine(const std::string& root = "");
/// From STRATA_TOPOLOGY's form, "2x8". Errors: invalid_argument.
Topology fake_machine(std::string_view form);

/// CPUs the scheduler may run this process on, ascending.
std::vector<int> allowed_cpus();

}  // namespace strata
