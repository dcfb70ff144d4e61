#include "graph/kv_pages.h"

#include <gtest/gtest.h>

#include <map>

namespace strata::graph {
namespace {

constexpr size_t kBytes = 1024;

struct Shape {
  std::vector<CacheSpec> specs;
  std::vector<size_t> bytes;
  void add(int n, int window, size_t size = kBytes) {
    for (int i = 0; i < n; ++i) {
      specs.push_back({.n_head_kv = 1, .d_k = 8, .d_v = 8, .window = window});
      bytes.push_back(size);
    }
  }
  PagePlan plan(bool by_window = true) const { return plan_pages(specs, bytes, by_window); }
};

/// No two layers of a column overlap, and all lie within the page.
void expect_apart(const Shape& s, const PagePlan& plan) {
  std::map<std::pair<int, int>, std::vector<std::pair<size_t, size_t>>> used;
  for (size_t i = 0; i < s.specs.size(); ++i) {
    const PagePlan::Place& p = plan.places[i];
    EXPECT_LE(p.within + s.bytes[i], plan.lanes[p.lane]);
    auto& lane = used[{p.column, p.lane}];
    for (auto [begin, end] : lane)
      EXPECT_TRUE(p.within >= end || p.within + s.bytes[i] <= begin) << "layer " << i;
    lane.push_back({p.within, p.within + s.bytes[i]});
  }
}

TEST(PagePlan, WithoutWindowsAPageIsABlock) {
  Shape s;
  s.add(7, 0);
  const PagePlan plan = s.plan();
  ASSERT_EQ(plan.groups.size(), 1u);
  EXPECT_EQ(plan.n_column(), 1);
  EXPECT_EQ(plan.page_bytes(), 7 * kBytes);
  EXPECT_EQ(plan.lanes, std::vector<size_t>(7, kBytes));
}

// Gemma 3: five layers of a window to one without, as 15 and 3.
TEST(PagePlan, APageIsWhatTheGroupsHaveInCommon) {
  Shape s;
  for (int i = 0; i < 3; ++i) {
    s.add(5, 512);
    s.add(1, 0);
  }
  const PagePlan plan = s.plan();
  ASSERT_EQ(plan.groups.size(), 2u);
  EXPECT_EQ(plan.groups[0].window, 0);
  EXPECT_EQ(plan.groups[0].n_page, 1);
  EXPECT_EQ(plan.groups[1].window, 512);
  EXPECT_EQ(plan.groups[1].n_page, 5);
  EXPECT_EQ(plan.page_bytes(), 3 * kBytes);
  expect_apart(s, plan);
}

TEST(PagePlan, LayersOfDifferentSizesLoseFewBytesAndNeverOverlap) {
  Shape s;
  s.add(4, 0, 3 * kBytes);
  s.add(8, 128, 2 * kBytes);
  s.add(5, 64, kBytes);
  const PagePlan plan = s.plan();
  expect_apart(s, plan);
  EXPECT_LE(plan.page_bytes() * plan.n_column(), (4 * 3 + 8 * 2 + 5) * kBytes * 5 / 4);
}

TEST(PagePlan, OneGroupOnRequest) {
  Shape s;
  s.add(2, 0);
  s.add(2, 16);
  EXPECT_EQ(s.plan(false).n_column(), 1);
  EXPECT_EQ(s.plan(false).page_bytes(), 4 * kBytes);
}

TEST(PagePlan, NoCacheNoPages) {
  const PagePlan plan = Shape{}.plan();
  EXPECT_EQ(plan.n_column(), 0);
  EXPECT_EQ(plan.page_bytes(), 0u);
}

}  // namespace
}  // namespace strata::graph
