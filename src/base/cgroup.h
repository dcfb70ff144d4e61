// Limits of the process's control group (version 1 or 2): the tightest of it and its ancestors.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

namespace strata::cgroup {

// `root` stands before /proc and /sys: a test gives a folder with a copy of them. No limit, or no
// control group: nullopt.

/// Bytes of memory.
std::optional<size_t> memory_limit(const std::string& root = "");
/// Bytes the limit leaves; page cache counts as free, since the kernel drops it under pressure.
std::optional<size_t> memory_left(const std::string& root = "");
/// Bytes of explicit 2 MiB pages the limit leaves: touching one beyond it is a bus error.
std::optional<size_t> huge_pages_left(const std::string& root = "");
/// CPUs' worth of time, e.g. 1.5.
std::optional<double> cpu_quota(const std::string& root = "");

}  // namespace strata::cgroup
