#include "engine/kv/state_slots.h"

#include "base/check.h"

namespace strata::engine {

StateSlots::StateSlots(int n_slot, int n_block) : slots_(n_slot), of_block_(n_block, -1) {
  free_.reserve(n_slot);
  for (int i = n_slot - 1; i >= 0; --i) free_.push_back(i);
}

int32_t StateSlots::take_free() {
  if (free_.empty()) return -1;
  const int32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].taken = true;
  return slot;
}

int32_t StateSlots::take() {
  if (free_.empty() && oldest_ >= 0) drop(slots_[oldest_].block);
  return take_free();
}

void StateSlots::give(int32_t slot) {
  STRATA_CHECK(slot >= 0 && slot < total() && slots_[slot].taken);
  slots_[slot].taken = false;
  free_.push_back(slot);
}

int32_t StateSlots::find(int32_t block) {
  const int32_t slot = of_block_[block];
  if (slot >= 0) {
    unlink(slot);
    link(slot);
  }
  return slot;
}

void StateSlots::attach(int32_t block, int32_t slot) {
  STRATA_CHECK(slot >= 0 && slot < total() && slots_[slot].taken);
  if (has(block)) {
    find(block);
    return give(slot);
  }
  slots_[slot].taken = false;
  slots_[slot].block = block;
  of_block_[block] = slot;
  link(slot);
  ++n_cached_;
}

void StateSlots::drop(int32_t block) {
  const int32_t slot = of_block_[block];
  if (slot < 0) return;
  unlink(slot);
  of_block_[block] = -1;
  slots_[slot].block = -1;
  --n_cached_;
  free_.push_back(slot);
}

void StateSlots::link(int32_t slot) {
  slots_[slot].older = newest_;
  slots_[slot].newer = -1;
  (newest_ >= 0 ? slots_[newest_].newer : oldest_) = slot;
  newest_ = slot;
}

void StateSlots::unlink(int32_t slot) {
  const Slot& s = slots_[slot];
  (s.older >= 0 ? slots_[s.older].newer : oldest_) = s.newer;
  (s.newer >= 0 ? slots_[s.newer].older : newest_) = s.older;
}

}  // namespace strata::engine
