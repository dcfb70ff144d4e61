#include "base/barrier.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace strata {
namespace {
constexpr int kFlatMax = 8;     // up to here every seat polls every other
constexpr int kTreeWidth = 4;   // children of a seat in the tree above that
}  // namespace

Barrier::Barrier(std::vector<int> seat_of) : seat_of_(std::move(seat_of)) {
  STRATA_CHECK(!seat_of_.empty() && seat_of_[0] == 0);
  n_seats_ = 1 + *std::max_element(seat_of_.begin(), seat_of_.end());
  seats_ = std::make_unique<Seat[]>(static_cast<size_t>(n_seats_));
  for (const int seat : seat_of_) ++seats_[seat].n_threads;
}

void Barrier::narrow(int n) {
  STRATA_CHECK(n > 0 && n <= static_cast<int>(seat_of_.size()));
  const uint32_t now = seats_[0].arrived.value.load(std::memory_order_relaxed);
  for (int s = n_seats_; s < n; ++s)   // they missed some meetings
    seats_[s].arrived.value.store(now, std::memory_order_relaxed);
  all_came_.value.store(now, std::memory_order_relaxed);
  n_seats_ = n;
}

bool Barrier::flat() const { return n_seats_ <= kFlatMax; }

// Stands until the calling thread has arrived: the seat is not complete without it.
uint32_t Barrier::next_meeting(int t) const {
  return seats_[seat_of_[t]].arrived.value.load(std::memory_order_relaxed) + 1;
}

// True for the last of its seat: it has to wait for the other seats and to wake its own.
bool Barrier::arrive(int t, uint32_t meeting, int64_t spin_ns) {
  const int s = seat_of_[t];
  Seat& seat = seats_[s];
  if (seat.n_threads > 1) {
    if (seat.n_here.fetch_add(1, std::memory_order_acq_rel) + 1 < seat.n_threads) return false;
    seat.n_here.store(0, std::memory_order_relaxed);   // nobody comes again before the release
  }
  if (!flat())
    for (int c = s * kTreeWidth + 1; c <= s * kTreeWidth + kTreeWidth && c < n_seats_; ++c)
      await(seats_[c].arrived, meeting, spin_ns);
  publish(seat.arrived, meeting);
  return true;
}

void Barrier::await_other_seats(int s, uint32_t meeting, int64_t spin_ns) {
  if (flat()) {
    for (int other = 0; other < n_seats_; ++other)
      if (other != s) await(seats_[other].arrived, meeting, spin_ns);
  } else if (s == 0) {
    publish(all_came_, meeting);
  } else {
    await(all_came_, meeting, spin_ns);
  }
}

void Barrier::meet(int t, int64_t spin_ns) {
  const uint32_t meeting = next_meeting(t);
  const int s = seat_of_[t];
  if (!arrive(t, meeting, spin_ns)) return await(seats_[s].released, meeting, 0);
  await_other_seats(s, meeting, spin_ns);
  if (seats_[s].n_threads > 1) publish(seats_[s].released, meeting);
}

void Barrier::report(int t, int64_t spin_ns) {
  if (seat_of_[t] == 0) return meet(t, spin_ns);
  arrive(t, next_meeting(t), spin_ns);
}

}  // namespace strata
