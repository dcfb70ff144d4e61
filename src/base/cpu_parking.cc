#include "base/cpu_parking.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "base/check.h"
#include "base/error.h"

namespace strata {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kShortestRest = kSecond, kLongestRest = 16 * kSecond;
constexpr double kDisturbed = 0.1;   // share of the time; less is the system's own noise
constexpr double kGain = 1.05;       // expected, for parking
// Work bound by memory loses less than its part when a thread goes: from two threads to one,
// decoding keeps 0.55 to 0.7 of its speed.
constexpr double kScaling = 0.8;

}  // namespace

std::optional<int64_t> run_queue_wait_ns(int id) {
  std::ifstream file(fmt::format("/proc/self/task/{}/schedstat", id));
  int64_t ran = 0, waited = 0;   // Linux: Documentation/scheduler/sched-stats.rst
  if (!(file >> ran >> waited)) return std::nullopt;
  return waited;
}

CpuParking::CpuParking(int n) : in_use_(n), rest_ns_(n) {
  STRATA_CHECK(n > 0);
  std::iota(in_use_.begin(), in_use_.end(), 0);
}

bool CpuParking::update(int64_t now_ns, int64_t busy_ns, std::span<const int64_t> waited_ns) {
  STRATA_CHECK(waited_ns.size() == in_use_.size() && busy_ns > 0);
  const size_t n = in_use_.size();
  std::vector<size_t> order(n);   // the most disturbed first
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return waited_ns[a] > waited_ns[b]; });
  const auto lost = [&](size_t i) {
    return std::clamp(static_cast<double>(waited_ns[order[i]]) / static_cast<double>(busy_ns), 0.0,
                      1.0);
  };
  const auto speed_without = [&](size_t k) {   // the k most disturbed
    return std::pow(static_cast<double>(n - k) / static_cast<double>(n), kScaling) * (1 - lost(k));
  };
  size_t best = 0;
  for (size_t k = 1; k < n && lost(k - 1) > kDisturbed; ++k)
    if (speed_without(k) > speed_without(best) && speed_without(k) > kGain * speed_without(0))
      best = k;

  for (size_t i = best; i < n; ++i)
    if (lost(i) <= kDisturbed) rest_ns_[in_use_[order[i]]] = 0;
  std::vector<int> taken_back;
  std::erase_if(parked_, [&](const Parked& p) {
    if (p.until_ns > now_ns) return false;
    taken_back.push_back(p.cpu);
    return true;
  });
  std::vector<int> leaving;
  for (size_t i = 0; i < best; ++i) {
    const int cpu = in_use_[order[i]];
    rest_ns_[cpu] = std::clamp(2 * rest_ns_[cpu], kShortestRest, kLongestRest);
    parked_.push_back({cpu, now_ns + rest_ns_[cpu]});
    leaving.push_back(cpu);
  }
  // The last ones fill the gaps: the others keep their place, and with it what their CPU caches.
  for (const int cpu : leaving) {
    *std::find(in_use_.begin(), in_use_.end(), cpu) = in_use_.back();
    in_use_.pop_back();
  }
  in_use_.insert(in_use_.end(), taken_back.begin(), taken_back.end());
  return !leaving.empty() || !taken_back.empty();
}

}  // namespace strata
