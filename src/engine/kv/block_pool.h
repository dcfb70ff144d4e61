// Which blocks of the KV pool are free, and how many owners the others have.
#pragma once
#include <cstdint>
#include <vector>

namespace strata::engine {

/// Ids 0 .. n_block - 1. Cost: every operation O(1), no allocation after construction.
class BlockPool {
 public:
  explicit BlockPool(int n_block);

  int32_t allocate();               // one owner; -1: none is free
  void retain(int32_t block);       // one owner more
  int release(int32_t block);       // one owner less; returns how many are left (0: now free)
  int owners(int32_t block) const { return owners_[block]; }

  int total() const { return static_cast<int>(owners_.size()); }
  int free() const { return static_cast<int>(free_.size()); }

 private:
  std::vector<int32_t> owners_;
  std::vector<int32_t> free_;       // a stack: the block freed last is the warmest
};

}  // namespace strata::engine
