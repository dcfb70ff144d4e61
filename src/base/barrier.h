// Where the threads of a pool meet.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/wait_line.h"

namespace strata {

/// Threads that share a CPU share a seat. Those that arrive first at a barrier sleep, which gives
/// the core to the next; the last waits for the other seats, spinning, since nobody of its seat
/// needs the core, and then wakes them. So a barrier costs a core one switch for each thread too
/// many. Few seats poll one another; more pass the news up and down a tree.
class Barrier {
 public:
  /// seat_of[t]: dense seats; thread 0 sits in seat 0.
  explicit Barrier(std::vector<int> seat_of);

  int seats() const { return n_seats_; }
  bool shared(int thread) const { return seats_[seat_of_[thread]].n_threads > 1; }

  /// Between two meetings, for barriers whose seats have one thread each: the first `n` take part
  /// from now on.
  void narrow(int n);

  /// Returns once all have come. Thread `t` spins for `spin_ns` before it sleeps.
  void meet(int t, int64_t spin_ns);
  /// Half a meeting: thread 0 returns once all have come, the others at once.
  void report(int t, int64_t spin_ns);

 private:
  struct Seat {
    WaitLine arrived;     // meetings that all of the seat, and in the tree all below it, came to
    WaitLine released;    // meetings that the sleepers of the seat may leave
    alignas(128) std::atomic<int> n_here{0};
    int n_threads = 0;
  };

  bool flat() const;
  uint32_t next_meeting(int t) const;
  bool arrive(int t, uint32_t meeting, int64_t spin_ns);
  void await_other_seats(int seat, uint32_t meeting, int64_t spin_ns);

  std::vector<int> seat_of_;
  std::unique_ptr<Seat[]> seats_;
  int n_seats_;
  WaitLine all_came_;     // in the tree: seat 0 says so
};

}  // namespace strata
