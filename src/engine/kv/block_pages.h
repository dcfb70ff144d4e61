// Which pages hold a block's keys and values, group by group, and who wants them.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/kv/kv_shape.h"
#include "graph/kv_pages.h"

namespace strata::engine {

/// Pages of a block and group are absent, wanted by some sequences, or cached: in the prefix tree,
/// wanted by nobody, given up when room is needed. Of cached ones those that a sequence left behind
/// are spare and go first; those are kept that a later prompt would go on from.
/// Cost: every operation O(pages of the group), no allocation after construction.
class BlockPages {
 public:
  enum class Fate : uint8_t { freed, spare, kept };

  explicit BlockPages(const KvShape& shape);

  bool held(int32_t block, int group) const { return at(block, group).state != State::absent; }
  /// Sequences that want them.
  int wants(int32_t block, int group) const { return at(block, group).wants; }

  /// Free pages for a group that has none, wanted once. Requires that there are so many.
  void fill(int32_t block, int group);
  void want(int32_t block, int group);
  /// One less wants them; `fate`: if that was the last.
  void unwant(int32_t block, int group, Fate fate);
  /// `to` has the pages of `from`, wants included.
  void hand_over(int32_t from, int32_t to, int group);
  /// Frees all pages of a block, which only groups without a window may still want.
  void drop(int32_t block);

  /// Frees the pages that became spare, or kept, first. False: there are none.
  bool drop_spare() { return drop_oldest(spare_); }
  bool drop_kept() { return drop_oldest(kept_); }

  int free() const { return static_cast<int>(free_.size()); }
  int cached() const { return n_cached_; }
  int32_t page(int32_t block, int column) const { return ids_[column * n_block_ + block]; }
  graph::PageMap map() const { return {ids_.data(), n_block_}; }

 private:
  enum class State : uint8_t { absent, wanted, spare, kept };
  struct Entry {
    int32_t older = -1, newer = -1;   // of its list
    int32_t wants = 0;
    State state = State::absent;
  };
  struct List {
    int32_t oldest = -1, newest = -1;
  };
  int32_t index(int32_t block, int group) const {
    return static_cast<int32_t>(group * n_block_ + block);
  }
  Entry& at(int32_t block, int group) { return entries_[index(block, group)]; }
  const Entry& at(int32_t block, int group) const { return entries_[index(block, group)]; }
  List& list(State state) { return state == State::spare ? spare_ : kept_; }
  void cache(int32_t entry, State state);
  void uncache(int32_t entry);
  void free_pages(int32_t block, int group);
  bool drop_oldest(List& list);

  int64_t n_block_;
  std::vector<KvGroup> groups_;
  std::vector<int> first_column_;     // by group
  std::vector<Entry> entries_;        // [groups][n_block]
  std::vector<int32_t> ids_;          // [columns][n_block]: page; -1: none
  std::vector<int32_t> free_;         // a stack: the page freed last is the warmest
  List spare_, kept_;
  int n_cached_ = 0;                  // pages
};

}  // namespace strata::engine
