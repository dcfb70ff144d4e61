// The KV blocks as the scheduler sees them: the pool, the prefix tree that keeps finished blocks
// until somebody needs the room, and the tiers where they go then.
#pragma once
#include <optional>

#include "engine/kv/block_pages.h"
#include "engine/kv/block_pool.h"
#include "engine/kv/page_io.h"
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
  KvCache(const KvShape& shape, bool prefix_caching, PageIo& io, TierStore* tiers = nullptr,
          int n_state = 0);

  /// A new last block with pages of all groups, which takes what is free, else what is cached, the
  /// least useful first. False: there is no room.
  bool extend(BlockTable& table);
  /// The i-th block becomes a copy that `table` alone owns. False: there is no room.
  bool make_own(BlockTable& table, int i);
  bool shared(int32_t block) const { return sequences(block) > 1; }
  /// `to`, empty, becomes a table of the same blocks.
  void share(const BlockTable& from, BlockTable& to);
  /// Nothing before position `n_past` will be computed again: groups with a window let go of the
  /// pages behind it. `ends`: numbers of blocks after which a later prompt may go on; what it would
  /// need is kept for as long as there is room.
  void pass(BlockTable& table, int n_past, std::span<const int> ends = {});
  /// Releases a sequence's whole table, the tail first, and empties it.
  void release(BlockTable& table);
  /// As release(); the sequence will come back for what is in the tree.
  void preempt(BlockTable& table);

  /// Fills `table`, empty, with the blocks that hold full blocks of `tokens`: known to the tree, or
  /// brought back from memory. It ends after the last one from which the model can go on: groups
  /// with a window have what it reaches, and with states there is a snapshot. Returns how many
  /// blocks are known, whether it can go on there or not.
  int match(std::span<const Token> tokens, uint64_t salt, BlockTable& table);
  /// Copies a block that holds leading tokens of what follows a matched `table`. Returns how many.
  int copy_lead(std::span<const Token> rest, uint64_t salt, BlockTable& table);
  /// The i-th block of `table` now holds the full block `tokens`, all before it being committed and
  /// none passed since. Where the tree knows that content already, it becomes that block.
  void commit(std::span<const Token> tokens, uint64_t salt, BlockTable& table, int i);
  struct OnDisk {
    std::vector<TierStore::Wanted> files;
    int n_token = 0;         // that need not be computed then
  };
  /// What files hold of `tokens` that tree and memory lack and a hit needs; at most `most` files.
  OnDisk on_disk(std::span<const Token> tokens, uint64_t salt, size_t most);

  /// A slot that goes on after the last block of a matched `table`; with none, its content is of no
  /// interest. The caller takes no more than there are.
  int32_t take_state(const BlockTable& table);
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

  const KvShape& shape() const { return shape_; }
  /// What can be had, cached things included.
  KvRoom available() const;
  const BlockPages& pages() const { return pages_; }
  /// Blocks.
  int total() const { return pool_.total(); }
  int cached() const { return tree_ ? tree_->idle() : 0; }
  int used() const { return total() - pool_.free() - cached(); }
  int sequences(int32_t block) const { return pool_.owners(block) - (in_tree(block) ? 1 : 0); }
  bool in_tree(int32_t block) const { return tree_ && tree_->contains(block); }
  const PrefixTree* tree() const { return tree_ ? &*tree_ : nullptr; }

 private:
  /// What is known of one block of a prefix that is looked for.
  struct Link {
    int32_t block = -1;      // in the tree
    BlockKey key = {};       // with tiers
    bool whole = false;      // a tier has the pages of all groups
  };
  using Stored = int (TierStore::*)(const BlockKey&) const;

  int n_group() const { return static_cast<int>(shape_.groups.size()); }
  bool make_room(const KvRoom& need);
  bool evict_block();
  int32_t allocate();
  void own(int32_t block);
  void disown(int32_t block);
  void unwant(int32_t block, int group, bool useful);
  void copy_pages(int32_t from, int32_t to);
  bool holds_windows(int32_t block) const;
  std::span<const int32_t> pages_to_store(int32_t block);
  int32_t last(const BlockTable& table, int n) const;
  const BlockKey& key_of(const BlockTable& table, int n, uint64_t salt) const;
  void insert(std::span<const Token> tokens, uint64_t salt, const BlockTable& table, int n,
              int32_t block, int uses);
  void used_again(int32_t block);
  void trace(std::span<const Token> tokens, uint64_t salt, std::initializer_list<Stored> tiers);
  int hit_end(int n);
  bool lacks(int i, int end) const;
  bool take(std::span<const Token> tokens, uint64_t salt, BlockTable& table, int end);
  bool load(const Link& link, std::span<const Token> tokens, int32_t block, int i, int end);

  KvShape shape_;
  BlockPool pool_;
  BlockPages pages_;
  std::optional<PrefixTree> tree_;   // owns one reference to each of its blocks
  PageIo* io_;
  TierStore* tiers_;                 // null: none
  std::optional<StateSlots> states_;
  std::vector<int> uses_;            // by block of the tree
  std::vector<BlockKey> keys_;       // the same, with tiers
  std::vector<Link> chain_;          // of the prefix looked for last
  std::vector<int> run_;             // by group: blocks in a row whose pages there are
  std::vector<int32_t> stored_;      // pages going to or coming from a tier
};

}  // namespace strata::engine
