// Blocks without content: only counts what is done to them.
#pragma once
#include "engine/kv/block_io.h"

namespace strata::engine::testing {

struct NoBlocks : BlockIo {
  void copy_block(int32_t, int32_t) override { ++n_copied; }
  size_t block_bytes() const override { return 64; }
  void read_block(int32_t, uint8_t*) const override {}
  void write_block(int32_t, const uint8_t*) override {}
  void copy_state(int32_t, int32_t) override {}
  int n_copied = 0;
};

}  // namespace strata::engine::testing
