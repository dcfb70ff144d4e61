// The KV blocks as the scheduler sees them: the pool, and the prefix tree that keeps finished
// blocks until somebody needs the room.
#pragma once
#include <optional>

#include "engine/kv/block_pool.h"
#include "engine/kv/prefix_tree.h"

namespace strata::engine {

/// A block is free, used (owned by sequences) or cached (known to the tree, owned by nobody else).
class KvCache {
 public:
  KvCache(int n_block, bool prefix_caching);

  /// One owner. Takes a free block, else drops the least recently used cached one; -1: all used.
  int32_t allocate();
  void retain(int32_t block);
  void release(int32_t block);
  /// Releases a sequence's whole table, the tail first, and empties it.
  void release(std::vector<int32_t>& table);
  bool shared(int32_t block) const { return sequences(block) > 1; }

  /// Appends to `table`, retained, the blocks that hold full blocks of `tokens`.
  void match(std::span<const Token> tokens, std::vector<int32_t>& table);
  /// A block that holds leading tokens of what follows a matched `table`, to be copied from.
  PrefixTree::Partial match_partial(std::span<const Token> rest,
                                    const std::vector<int32_t>& table);
  /// table[i] now holds the full block `tokens`, all before it being committed. Where the tree
  /// knows that content already, table[i] becomes that block.
  void commit(std::span<const Token> tokens, std::vector<int32_t>& table, int i);

  int total() const { return pool_.total(); }
  int available() const { return pool_.free() + cached(); }
  int cached() const { return tree_ ? tree_->idle() : 0; }
  int used() const { return total() - available(); }
  int sequences(int32_t block) const { return pool_.owners(block) - (in_tree(block) ? 1 : 0); }
  bool in_tree(int32_t block) const { return tree_ && tree_->contains(block); }
  const PrefixTree* tree() const { return tree_ ? &*tree_ : nullptr; }

 private:
  int32_t last(const std::vector<int32_t>& table, size_t n) const;

  BlockPool pool_;
  std::optional<PrefixTree> tree_;   // owns one reference to each of its blocks
};

}  // namespace strata::engine
