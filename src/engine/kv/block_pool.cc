#include "engine/kv/block_pool.h"

#include "base/check.h"

namespace strata::engine {

BlockPool::BlockPool(int n_block) : owners_(n_block, 0), free_(n_block) {
  for (int i = 0; i < n_block; ++i) free_[i] = n_block - 1 - i;
}

int32_t BlockPool::allocate() {
  if (free_.empty()) return -1;
  int32_t block = free_.back();
  free_.pop_back();
  owners_[block] = 1;
  return block;
}

void BlockPool::retain(int32_t block) {
  STRATA_CHECK(block >= 0 && block < total() && owners_[block] > 0);
  ++owners_[block];
}

int BlockPool::release(int32_t block) {
  STRATA_CHECK(block >= 0 && block < total() && owners_[block] > 0);
  if (--owners_[block] == 0) free_.push_back(block);
  return owners_[block];
}

}  // namespace strata::engine
