#include "engine/kv/kv_shape.h"

#include <algorithm>

namespace strata::engine {

namespace {

/// Blocks that `n` tokens touch at most, wherever they begin.
int spanned(int n) { return (n + kBlock - 2) / kBlock + 1; }

int most_held(const KvGroup& g, int n_block, int n_token) {
  return g.has_window() ? std::min(n_block, g.reach + spanned(n_token)) : n_block;
}

}  // namespace

int KvShape::block_pages() const {
  int n = 0;
  for (const KvGroup& g : groups) n += g.n_page;
  return n;
}

int KvShape::bare_pages() const {
  int n = 0;
  for (const KvGroup& g : groups) n += g.has_window() ? 0 : g.n_page;
  return n;
}

int64_t KvShape::pages(int n_block, int n_token) const {
  int64_t n = 0;
  for (const KvGroup& g : groups) n += int64_t{g.n_page} * most_held(g, n_block, n_token);
  return n;
}

KvRoom KvShape::growth(const BlockTable& table, int n_block, int n_token) const {
  KvRoom room{std::max(0, n_block - table.size()), 0};
  for (const KvGroup& g : groups) {
    const int held = table.size() - table.first(g);
    const int most = most_held(g, std::max(n_block, table.size()), n_token);
    room.pages += int64_t{g.n_page} * std::max(0, most - held);
  }
  return room;
}

int64_t KvShape::positions() const {
  int fits = 0, too_many = n_block + 1;
  while (too_many - fits > 1) {
    const int middle = fits + (too_many - fits) / 2;
    (pages(middle, 1) <= n_page ? fits : too_many) = middle;
  }
  return int64_t{fits} * kBlock;
}

}  // namespace strata::engine
