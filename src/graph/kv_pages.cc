#include "graph/kv_pages.h"

#include <algorithm>
#include <numeric>

namespace strata::graph {
namespace {

struct Layers {
  int window = 0;
  std::vector<int> caches;
};

std::vector<Layers> group_by_window(std::span<const CacheSpec> specs, bool by_window) {
  std::vector<Layers> groups;
  for (size_t i = 0; i < specs.size(); ++i) {
    const int window = by_window ? specs[i].window : 0;
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const Layers& g) { return g.window == window; });
    if (found == groups.end()) found = groups.insert(found, {.window = window, .caches = {}});
    found->caches.push_back(static_cast<int>(i));
  }
  std::sort(groups.begin(), groups.end(),
            [](const Layers& a, const Layers& b) { return a.window < b.window; });
  return groups;
}

// Caches of each column when layers in order fill pages of at most `page` bytes; empty: one does
// not fit.
std::vector<std::vector<int>> cut(const Layers& group, std::span<const size_t> bytes, size_t page) {
  std::vector<std::vector<int>> columns;
  size_t left = 0;
  for (int cache : group.caches) {
    if (bytes[cache] > page) return {};
    if (columns.empty() || bytes[cache] > left) {
      columns.emplace_back();
      left = page;
    }
    columns.back().push_back(cache);
    left -= bytes[cache];
  }
  return columns;
}

int64_t columns_of(std::span<const Layers> groups, std::span<const size_t> bytes, size_t page) {
  int64_t n = 0;
  for (const Layers& g : groups) {
    const auto columns = cut(g, bytes, page);
    if (columns.empty()) return -1;
    n += std::ssize(columns);
  }
  return n;
}

// Of the sizes that whole layers of a group add up to, the one that takes the fewest bytes a block;
// of those, the largest.
size_t choose_page(std::span<const Layers> groups, std::span<const size_t> bytes) {
  size_t best = 0, best_total = SIZE_MAX;
  for (const Layers& g : groups) {
    size_t page = 0;
    for (int cache : g.caches) {
      page += bytes[cache];
      const int64_t n = columns_of(groups, bytes, page);
      if (n < 0) continue;
      const size_t total = page * static_cast<size_t>(n);
      if (total > best_total || (total == best_total && page <= best)) continue;
      best = page;
      best_total = total;
    }
  }
  return best;
}

// Can the r-th layer of every column have a lane of its own?
bool alike(std::span<const std::vector<int>> columns, std::span<const size_t> bytes) {
  for (const auto& column : columns) {
    const auto& longest = *std::max_element(columns.begin(), columns.end(),
                                            [](auto& a, auto& b) { return a.size() < b.size(); });
    for (size_t r = 0; r < column.size(); ++r)
      if (bytes[column[r]] != bytes[longest[r]]) return false;
  }
  return true;
}

}  // namespace

size_t PagePlan::page_bytes() const {
  return std::accumulate(lanes.begin(), lanes.end(), size_t{0});
}

int PagePlan::n_column() const {
  int n = 0;
  for (const CacheGroup& g : groups) n += g.n_page;
  return n;
}

PagePlan plan_pages(std::span<const CacheSpec> specs, std::span<const size_t> bytes,
                    bool by_window) {
  PagePlan plan;
  plan.places.resize(specs.size());
  const std::vector<Layers> groups = group_by_window(specs, by_window);
  const size_t page = choose_page(groups, bytes);
  std::vector<std::vector<int>> columns;
  for (const Layers& g : groups) {
    const auto own = cut(g, bytes, page);
    plan.groups.push_back({.window = g.window, .n_page = static_cast<int>(own.size())});
    columns.insert(columns.end(), own.begin(), own.end());
  }
  const bool lanes = alike(columns, bytes);
  if (!lanes) plan.lanes = {page};
  for (size_t c = 0; c < columns.size(); ++c) {
    size_t within = 0;
    for (size_t r = 0; r < columns[c].size(); ++r) {
      const size_t size = bytes[columns[c][r]];
      plan.places[columns[c][r]] = {.column = static_cast<int>(c),
                                    .lane = lanes ? static_cast<int>(r) : 0,
                                    .within = lanes ? 0 : within};
      within += size;
      if (lanes && r == plan.lanes.size()) plan.lanes.push_back(size);
    }
  }
  return plan;
}

}  // namespace strata::graph
