// Which CPUs a pool had better leave to others. At a barrier everyone waits for the thread whose
// CPU another process uses, so half of one CPU lost is half of the machine lost; without that CPU
// only its part is.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace strata {

/// How long thread `id` of this process, by the system's number, has been ready to run while its
/// CPU ran something else, in all its life; nullopt if the system does not say.
std::optional<int64_t> run_queue_wait_ns(int id);

class CpuParking {
 public:
  /// All of `n` CPUs in use.
  explicit CpuParking(int n);

  /// CPUs in use, by number 0 .. n-1; never none.
  std::span<const int> in_use() const { return in_use_; }
  bool all_in_use() const { return parked_.empty(); }

  /// What was seen during `busy_ns` of work that ended at `now_ns`: waited_ns[i], how long the
  /// thread on in_use()[i] was ready to run while its CPU ran something else. Parks the CPUs that
  /// cost more than they give, takes back those whose rest is over; a CPU that is parked again at
  /// once rests twice as long. Returns whether in_use() changed.
  bool update(int64_t now_ns, int64_t busy_ns, std::span<const int64_t> waited_ns);

 private:
  struct Parked { int cpu; int64_t until_ns; };
  std::vector<int> in_use_;
  std::vector<Parked> parked_;
  std::vector<int64_t> rest_ns_;   // by CPU: of its last parking; 0 once it has worked undisturbed
};

}  // namespace strata
