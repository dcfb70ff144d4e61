// Pages without content: only counts what is done to them.
#pragma once
#include "engine/kv/page_io.h"

namespace strata::engine::testing {

struct NoPages : PageIo {
  void copy_page(int32_t from, int32_t to) override {
    ++n_copied;
    last_from = from;
    last_to = to;
  }
  size_t page_bytes() const override { return 64; }
  void read_page(int32_t, uint8_t*) const override {}
  void write_page(int32_t, const uint8_t*) override {}
  void copy_state(int32_t, int32_t) override {}
  int n_copied = 0;
  int32_t last_from = -1, last_to = -1;
};

}  // namespace strata::engine::testing
