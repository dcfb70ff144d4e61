#include "base/cgroup.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <vector>

namespace strata::cgroup {
namespace {

constexpr int kDepthMax = 64;   // ancestors looked at

// The folders of one controller, from the process's own group up to the root of the mount.
struct Folders {
  bool v2 = false;
  std::vector<std::string> paths;
};

bool names(std::string_view list, std::string_view controller) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == controller) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

Folders folders(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line, path_v1, path_v2;
  bool has_v1 = false, has_v2 = false;
  // Lines read "number:controllers:path"; version 2 has number 0 and no controllers.
  while (std::getline(file, line)) {
    const size_t a = line.find(':');
    const size_t b = a == line.npos ? a : line.find(':', a + 1);
    if (b == line.npos) continue;
    const std::string_view list = std::string_view(line).substr(a + 1, b - a - 1);
    if (list.empty()) has_v2 = true, path_v2 = line.substr(b + 1);
    else if (names(list, controller)) has_v1 = true, path_v1 = line.substr(b + 1);
  }
  Folders found;
  const std::string mount = root + "/sys/fs/cgroup";
  const std::string base = has_v1 ? mount + "/" + std::string(controller) : mount;
  if (!has_v1 && !has_v2) return found;
  found.v2 = !has_v1;
  std::string path = has_v1 ? path_v1 : path_v2;
  for (int i = 0; i < kDepthMax; ++i) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    found.paths.push_back(base + path);
    if (path.empty()) break;
    path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
  }
  return found;
}

std::optional<uint64_t> number(const std::string& path) {
  uint64_t value = 0;
  std::ifstream file(path);
  return file >> value ? std::optional(value) : std::nullopt;   // "max" is no number: no limit
}

uint64_t field(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string key;
  uint64_t value = 0;
  while (file >> key >> value)
    if (key == name) return value;
  return 0;
}

void keep_smaller(std::optional<size_t>& best, uint64_t value) {
  best = best ? std::min<size_t>(*best, value) : value;
}

// Version 1 writes "no limit" as a huge number.
constexpr uint64_t kUnlimitedV1 = uint64_t{1} << 62;

std::optional<uint64_t> limit_at(const std::string& folder, bool v2) {
  auto limit = number(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  return limit && *limit < kUnlimitedV1 ? limit : std::nullopt;
}

}  // namespace

std::optional<size_t> memory_limit(const std::string& root) {
  const Folders found = folders(root, "memory");
  std::optional<size_t> best;
  for (const std::string& folder : found.paths)
    if (const auto limit = limit_at(folder, found.v2)) keep_smaller(best, *limit);
  return best;
}

std::optional<size_t> memory_left(const std::string& root) {
  const Folders found = folders(root, "memory");
  std::optional<size_t> best;
  for (const std::string& folder : found.paths) {
    const auto limit = limit_at(folder, found.v2);
    if (!limit) continue;
    const uint64_t used =
        number(folder + (found.v2 ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
    const std::string stat = folder + "/memory.stat", prefix = found.v2 ? "" : "total_";
    const uint64_t cache =
        field(stat, prefix + "inactive_file") + field(stat, prefix + "active_file");
    const uint64_t held = used - std::min(used, cache);
    keep_smaller(best, *limit - std::min(*limit, held));
  }
  return best;
}

std::optional<size_t> huge_pages_left(const std::string& root) {
  const Folders found = folders(root, "hugetlb");
  std::optional<size_t> best;
  for (const std::string& folder : found.paths) {
    const std::string file = folder + "/hugetlb.2MB.";
    const auto limit = number(file + (found.v2 ? "max" : "limit_in_bytes"));
    if (!limit || *limit >= kUnlimitedV1) continue;
    const uint64_t used = number(file + (found.v2 ? "current" : "usage_in_bytes")).value_or(0);
    keep_smaller(best, *limit - std::min(*limit, used));
  }
  return best;
}

std::optional<double> cpu_quota(const std::string& root) {
  const Folders found = folders(root, "cpu");
  std::optional<double> best;
  for (const std::string& folder : found.paths) {
    double quota = 0, period = 0;
    if (found.v2) {
      std::ifstream file(folder + "/cpu.max");   // "max 100000" or "150000 100000"
      if (!(file >> quota >> period)) continue;
    } else {
      std::ifstream a(folder + "/cpu.cfs_quota_us"), b(folder + "/cpu.cfs_period_us");
      if (!(a >> quota) || !(b >> period)) continue;   // -1: no limit
    }
    if (quota <= 0 || period <= 0) continue;
    best = best ? std::min(*best, quota / period) : quota / period;
  }
  return best;
}

}  // namespace strata::cgroup
