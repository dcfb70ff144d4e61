// KV pools of all kinds, for simulations.
#pragma once
#include "engine/kv/kv_shape.h"

namespace strata::engine::testing {

/// Layers that see all, that see a few blocks back, or both. `pick(low, high)` draws; a sequence of
/// `n_block` blocks fits, if alone.
template <class Pick>
KvShape random_shape(int n_block, Pick&& pick) {
  KvShape shape = KvShape::plain(n_block);
  if (pick(0, 1) == 0) return shape;
  if (pick(0, 2) == 0) shape.groups.clear();
  for (int i = pick(shape.groups.empty() ? 1 : 0, 2); i > 0; --i)
    shape.groups.push_back({.reach = pick(1, 4), .n_page = pick(1, 3)});
  shape.n_page = static_cast<int>(shape.pages(n_block, 1)) + pick(0, 1) * pick(0, 3 * n_block);
  // Where every block keeps pages there are never fewer ids than those.
  shape.n_block = shape.bare_pages() > 0 ? shape.n_page / shape.bare_pages()
                                         : n_block + pick(0, n_block);
  return shape;
}

}  // namespace strata::engine::testing
