// Which full blocks are known by their content: a tree over token prefixes, shared by all requests.
//
// A node is a block of kKvBlock tokens below the block that precedes it. Lookup goes through hashes
// and is verified by comparing parent, salt and tokens: a collision costs time, never correctness.
// Prefixes of different salts have nothing in common.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kv/kv_shape.h"
#include "engine/request.h"

namespace strata::engine {

/// Blocks of a pool of n_block. A node whose block no sequence uses is idle; since whoever uses a
/// block uses all before it, what is below an idle node is idle too.
/// Cost: expected O(kKvBlock) each operation, no allocation after construction.
class PrefixTree {
 public:
  /// Fewest leading tokens for which copying a block beats computing it anew.
  static constexpr int kPartialMin = 16;
  /// Most blocks with equal leading tokens that find_partial compares.
  static constexpr int kPartialScan = 32;

  explicit PrefixTree(int n_block);

  int32_t root() const { return n_block_; }   // parent of first blocks
  bool contains(int32_t block) const { return nodes_[block].parent >= 0; }
  int32_t parent(int32_t block) const { return nodes_[block].parent; }
  std::span<const Token> tokens(int32_t block) const;

  /// The block that holds `tokens` [kKvBlock] below `parent`, or -1.
  int32_t find(int32_t parent, std::span<const Token> tokens, uint64_t salt = 0) const;

  struct Partial {
    int32_t block = -1;
    int n_token = 0;      // leading tokens shared
  };
  /// The block below `parent` that shares the most leading tokens, at least kPartialMin.
  Partial find_partial(int32_t parent, std::span<const Token> tokens, uint64_t salt = 0) const;

  /// Requires that find(parent, tokens) gives -1. The new node is not idle.
  void insert(int32_t parent, std::span<const Token> tokens, int32_t block, uint64_t salt = 0);

  void set_idle(int32_t block);
  void set_busy(int32_t block);
  /// Moves an idle leaf's time of last use to now.
  void touch(int32_t block);
  /// Removes the node that has been idle for longest, tails before heads; -1 if none is idle. Its
  /// tokens() can still be read.
  int32_t evict();

  int size() const { return n_node_; }
  int idle() const { return n_idle_; }

 private:
  struct Node {
    uint64_t hash = 0;                     // of the whole prefix
    uint64_t lead = 0;                     // of the parent's prefix and kPartialMin tokens
    int32_t parent = -1;                   // -1: not in the tree
    int32_t next_full = -1, next_lead = -1;   // hash chains
    int32_t older = -1, newer = -1;        // idle list
    int32_t n_child = 0;
    uint64_t salt = 0;
    bool idle = false;
  };
  uint64_t hash(int32_t parent, uint64_t salt, std::span<const Token> tokens) const;
  int32_t& head_full(uint64_t hash) { return full_[hash & mask_]; }
  int32_t& head_lead(uint64_t hash) { return lead_[hash & mask_]; }

  int n_block_;
  uint64_t mask_;
  uint64_t key_;                           // random: clients cannot craft collisions
  std::vector<Node> nodes_;                // [n_block + 1], the last is the root
  std::vector<Token> tokens_;              // [n_block][kKvBlock]
  std::vector<int32_t> full_, lead_;       // hash tables: first node of a chain
  int32_t oldest_ = -1, newest_ = -1;
  int n_node_ = 0, n_idle_ = 0;
};

}  // namespace strata::engine
