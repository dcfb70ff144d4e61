// The KV blocks as the scheduler sees them: the pool, the prefix tree that keeps finished blocks
// until somebody needs the room, and the tiers where they go then.
#pragma once
#include <optional>

#include "engine/kv/block_io.h"
#include "engine/kv/block_pool.h"
#include "engine/kv/prefix_tree.h"
#include "engine/kv/state_slots.h"
#include "engine/kv/tier_store.h"

namespace strata::engine {

/// A block is free, used (owned by sequences) or cached (known to the tree, owned by nobody else).
/// Contents are copied and moved at once: nothing computes while this is called.
class KvCache {
 public:
  /// Uses of a block, its computation included, from which on it is worth a place in a tier.
  static constexpr int kUsesKept = 2;

  /// `n_state`: slots of recurrent state; 0: the model keeps none. With states no tiers are used:
  /// what they bring back has no snapshot to go on from.
  KvCache(int n_block, bool prefix_caching, BlockIo& io, TierStore* tiers = nullptr,
          int n_state = 0);

  /// One owner. Takes a free block, else drops the least recently used cached one; -1: all used.
  int32_t allocate();
  void retain(int32_t block);
  void release(int32_t block);
  /// Releases a sequence's whole table, the tail first, and empties it.
  void release(std::vector<int32_t>& table);
  /// As release(); the sequence will come back for what is in the tree.
  void preempt(std::vector<int32_t>& table);
  void copy(int32_t from, int32_t to) { io_->copy_block(from, to); }
  bool shared(int32_t block) const { return sequences(block) > 1; }

  /// Appends to `table`, retained, the blocks that hold full blocks of `tokens`: known to the tree,
  /// or brought back from memory. With states, up to the last one that has a snapshot.
  void match(std::span<const Token> tokens, uint64_t salt, std::vector<int32_t>& table);
  /// A block that holds leading tokens of what follows a matched `table`, to be copied from.
  PrefixTree::Partial match_partial(std::span<const Token> rest, uint64_t salt,
                                    const std::vector<int32_t>& table);
  /// table[i] now holds the full block `tokens`, all before it being committed. Where the tree
  /// knows that content already, table[i] becomes that block.
  void commit(std::span<const Token> tokens, uint64_t salt, std::vector<int32_t>& table, int i);
  /// The blocks of `tokens` that files hold and neither tree nor memory does; at most `most`.
  std::vector<TierStore::Wanted> on_disk(std::span<const Token> tokens, uint64_t salt,
                                         size_t most) const;

  /// A slot that goes on after the last block of a matched `table`; with none, its content is of no
  /// interest. The caller takes no more than there are.
  int32_t take_state(const std::vector<int32_t>& table);
  /// A slot with the same content.
  int32_t fork_state(int32_t slot);
  /// For a snapshot, at the cost of an older one, or a checkpoint, at no cost. -1: none is left.
  int32_t take_snapshot() { return states_->take(); }
  int32_t take_checkpoint() { return states_->take_free(); }
  void give_state(int32_t slot) { states_->give(slot); }
  /// A taken slot becomes the snapshot after `block`.
  void keep_state(int32_t block, int32_t slot);
  /// Null: the model keeps none.
  const StateSlots* states() const { return states_ ? &*states_ : nullptr; }

  int total() const { return pool_.total(); }
  int available() const { return pool_.free() + cached(); }
  int cached() const { return tree_ ? tree_->idle() : 0; }
  int used() const { return total() - available(); }
  int sequences(int32_t block) const { return pool_.owners(block) - (in_tree(block) ? 1 : 0); }
  bool in_tree(int32_t block) const { return tree_ && tree_->contains(block); }
  const PrefixTree* tree() const { return tree_ ? &*tree_ : nullptr; }

 private:
  int32_t last(const std::vector<int32_t>& table, size_t n) const;
  const BlockKey& key_of(const std::vector<int32_t>& table, size_t n, uint64_t salt) const;
  void insert(std::span<const Token> tokens, uint64_t salt, const std::vector<int32_t>& table,
              size_t n, int32_t block, int uses);
  void used_again(int32_t block);
  bool bring_back(std::span<const Token> tokens, uint64_t salt, std::vector<int32_t>& table);

  BlockPool pool_;
  std::optional<PrefixTree> tree_;   // owns one reference to each of its blocks
  BlockIo* io_;
  TierStore* tiers_;                 // null: none
  std::optional<StateSlots> states_;
  std::vector<int> uses_;            // by block of the tree
  std::vector<BlockKey> keys_;       // the same, with tiers
};

}  // namespace strata::engine
