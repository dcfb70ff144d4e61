// How keys and values of a graph lie in pages, all of one size, so that a page that layers of one
// window let go of serves layers of any other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace strata::graph {

/// Layers that look back equally far.
struct CacheGroup {
  int window = 0;        // positions; 0: all
  int n_page = 1;        // of a block of kernel::kKvBlock positions: the group's columns
};

/// A page holds a block's positions in some layers of a group; which ones is its column. Columns
/// are numbered through all groups.
struct PagePlan {
  struct Place {
    int column = 0;
    int lane = 0;
    size_t within = 0;   // bytes of the lane before it
  };
  std::vector<CacheGroup> groups;   // the one without a window first, then by window
  std::vector<Place> places;        // by cache of the graph
  /// Bytes of a page, lane by lane. A lane of all pages lies together: where columns are alike, the
  /// pages of a layer do.
  std::vector<size_t> lanes;

  size_t page_bytes() const;
  int n_column() const;             // pages of a block of all groups
};

/// Columns are as large as possible with the fewest bytes lost: a layer is never cut.
/// Shapes: `bytes` of a block of each cache. `by_window` false: one group of one column.
PagePlan plan_pages(std::span<const CacheSpec> specs, std::span<const size_t> bytes,
                    bool by_window);

/// Which page holds a block's layers of a column; -1: none does.
struct PageMap {
  const int32_t* ids = nullptr;     // [n_column][n_block]; null: with one column, the block's id
  int64_t n_block = 0;
  const int32_t* column(int c) const { return ids ? ids + c * n_block : nullptr; }
};

}  // namespace strata::graph
