// Slots of recurrent state: some belong to sequences, others hold snapshots, the state as it was
// after a full block of the prefix tree, so that a prefix hit can go on from there.
#pragma once
#include <cstdint>
#include <vector>

namespace strata::engine {

/// Ids 0 .. n_slot - 1. A slot is free, taken, or a snapshot, given up when room is needed,
/// the least recently used one first.
/// Cost: every operation O(1), no allocation after construction.
class StateSlots {
 public:
  StateSlots(int n_slot, int n_block);

  /// For a sequence. -1: all are taken.
  int32_t take();
  /// The same, but gives up no snapshot.
  int32_t take_free();
  void give(int32_t slot);

  /// The snapshot after `block`, which counts as a use; -1: none.
  int32_t find(int32_t block);
  bool has(int32_t block) const { return of_block_[block] >= 0; }
  /// A taken slot becomes the snapshot after `block`; given back where there is one already.
  void attach(int32_t block, int32_t slot);
  /// `block` leaves the tree, and its snapshot with it.
  void drop(int32_t block);

  int total() const { return static_cast<int>(slots_.size()); }
  int cached() const { return n_cached_; }
  int free() const { return static_cast<int>(free_.size()); }
  int used() const { return total() - cached() - free(); }

 private:
  struct Slot {
    int32_t block = -1;               // of a snapshot
    int32_t older = -1, newer = -1;   // snapshots by last use
    bool taken = false;
  };
  void link(int32_t slot);
  void unlink(int32_t slot);

  std::vector<Slot> slots_;
  std::vector<int32_t> free_;
  std::vector<int32_t> of_block_;     // snapshot of each block; -1: none
  int32_t oldest_ = -1, newest_ = -1;
  int n_cached_ = 0;
};

}  // namespace strata::engine
