// What a KV pool is made of: pages, and how many of them a sequence takes.
//
// A block is an id that stands for kBlock positions of a sequence in all layers. Its keys and
// values lie in pages: some for each group of layers. Groups that see all positions keep theirs as
// long as the block; groups with a window give theirs back once the sequence has left them behind.
#pragma once
#include <cstdint>
#include <vector>

#include "kernel/kv.h"

namespace strata::engine {

inline constexpr int kBlock = kernel::kKvBlock;

/// Layers that look back equally far.
struct KvGroup {
  static constexpr int kAll = -1;
  int reach = kAll;      // blocks before its own that a token may see
  int n_page = 1;        // of a block
  bool has_window() const { return reach != kAll; }
};

/// Blocks before the own one that a window of so many positions, the own one included, reaches from
/// the first position of a block.
constexpr int reach_of(int window) { return (window + kBlock - 2) / kBlock; }

/// The blocks of a sequence, in order.
struct BlockTable {
  std::vector<int32_t> blocks;
  /// Full blocks that it had when it last let go of pages: a group with a window holds pages of the
  /// blocks from `passed - reach` on.
  int passed = 0;

  int first(const KvGroup& g) const {
    return g.has_window() && passed > g.reach ? passed - g.reach : 0;
  }
  int size() const { return static_cast<int>(blocks.size()); }
};

/// Of something that takes both: enough of one does not help where the other is missing.
struct KvRoom {
  int64_t blocks = 0, pages = 0;
  bool covers(const KvRoom& need) const { return need.blocks <= blocks && need.pages <= pages; }
  KvRoom& operator+=(const KvRoom& b) {
    blocks += b.blocks;
    pages += b.pages;
    return *this;
  }
  friend KvRoom operator-(const KvRoom& a, const KvRoom& b) {
    return {a.blocks - b.blocks, a.pages - b.pages};
  }
};

struct KvShape {
  int n_block = 0;                // ids 0 .. n_block - 1
  int n_page = 0;                 // ids 0 .. n_page - 1
  std::vector<KvGroup> groups;    // those without a window first; none: the model keeps no keys

  /// A page a block.
  static KvShape plain(int n_block) { return {n_block, n_block, {KvGroup{}}}; }

  int block_pages() const;        // of a block in all groups
  int bare_pages() const;         // in those without a window
  bool has_windows() const { return bare_pages() < block_pages(); }
  KvRoom total() const { return {n_block, n_page}; }
  KvRoom whole(int64_t n) const { return {n, n * block_pages()}; }   // blocks, as they are written

  /// Most pages that a sequence has at once until it has `n_block` blocks, computing at most
  /// `n_token` tokens at a time.
  int64_t pages(int n_block, int n_token) const;
  /// The same beyond what `table` holds, and the blocks.
  KvRoom growth(const BlockTable& table, int n_block, int n_token) const;
  /// Of the longest sequence that can run if it is alone, token by token.
  int64_t positions() const;
};

}  // namespace strata::engine
