#include "engine/kv/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <random>

#include "engine/testing/no_pages.h"

namespace strata::engine {
namespace {

std::vector<Token> run_of(Token first, int n) {
  std::vector<Token> tokens(n);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

TEST(BlockPool, GivesEachBlockOnce) {
  BlockPool pool(5);
  std::vector<int32_t> got;
  for (int i = 0; i < 5; ++i) got.push_back(pool.allocate());
  EXPECT_EQ(pool.allocate(), -1);
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  pool.retain(3);
  EXPECT_EQ(pool.release(3), 1);
  EXPECT_EQ(pool.free(), 0);
  EXPECT_EQ(pool.release(3), 0);
  EXPECT_EQ(pool.allocate(), 3);
}

/// Commits the full blocks of `tokens` as a sequence would and returns its table.
BlockTable compute(KvCache& cache, const std::vector<Token>& tokens, uint64_t salt = 0) {
  BlockTable table;
  cache.match(tokens, salt, table);
  for (int i = table.size(); i < static_cast<int>(tokens.size()) / kBlock; ++i) {
    EXPECT_TRUE(cache.extend(table));
    cache.commit(std::span(tokens).subspan(size_t(i) * kBlock, kBlock), salt, table, i);
    cache.pass(table, (i + 1) * kBlock);
  }
  return table;
}

/// The id of a new block, which a table of its own keeps.
int32_t one_more(KvCache& cache) {
  BlockTable table;
  return cache.extend(table) ? table.blocks[0] : -1;
}

TEST(KvCache, AReleasedPrefixIsFoundAgain) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(8), true, pages);
  auto tokens = run_of(0, 3 * kBlock);
  auto table = compute(cache, tokens);
  EXPECT_EQ(cache.used(), 3);
  const std::vector<int32_t> first = table.blocks;
  cache.release(table);
  EXPECT_EQ(cache.used(), 0);
  EXPECT_EQ(cache.cached(), 3);
  BlockTable again;
  cache.match(std::span(tokens).first(3 * kBlock - 1), 0, again);
  EXPECT_EQ(again.blocks, (std::vector<int32_t>{first[0], first[1]}));
  EXPECT_EQ(cache.used(), 2);
}

TEST(KvCache, EvictsTheOldestRequestTailFirst) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(6), true, pages);
  auto a = run_of(0, 3 * kBlock), b = run_of(1000, 3 * kBlock);
  auto table_a = compute(cache, a);
  auto table_b = compute(cache, b);
  const auto blocks_a = table_a.blocks, blocks_b = table_b.blocks;
  cache.release(table_a);
  cache.release(table_b);
  EXPECT_EQ(one_more(cache), blocks_a[2]);
  EXPECT_EQ(one_more(cache), blocks_a[1]);
  // What is left of a is still a prefix; using it makes b the oldest.
  BlockTable hit;
  cache.match(a, 0, hit);
  EXPECT_EQ(hit.blocks, (std::vector<int32_t>{blocks_a[0]}));
  cache.release(hit);
  EXPECT_EQ(one_more(cache), blocks_b[2]);
}

TEST(KvCache, UsedBlocksAreNeverEvicted) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(4), true, pages);
  auto table = compute(cache, run_of(0, 4 * kBlock));
  EXPECT_EQ(cache.available().blocks, 0);
  EXPECT_EQ(one_more(cache), -1);
}

TEST(KvCache, EqualContentIsKeptOnce) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(8), true, pages);
  auto tokens = run_of(0, 2 * kBlock);
  BlockTable a, b;
  for (BlockTable* table : {&a, &b})
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(cache.extend(*table));
  for (int i = 0; i < 2; ++i) {
    cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), 0, a, i);
    cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), 0, b, i);
  }
  EXPECT_EQ(a.blocks, b.blocks);
  EXPECT_EQ(cache.used(), 2);
  EXPECT_TRUE(cache.shared(a.blocks[0]));
}

TEST(KvCache, EqualBlocksBelowDifferentParentsAreDifferent) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(8), true, pages);
  auto a = run_of(0, 2 * kBlock), b = run_of(5000, 2 * kBlock);
  std::copy(a.begin() + kBlock, a.end(), b.begin() + kBlock);
  auto table_a = compute(cache, a);
  auto table_b = compute(cache, b);
  EXPECT_NE(table_a.blocks[1], table_b.blocks[1]);
}

TEST(KvCache, PartialMatchTakesTheLongestLead) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(16), true, pages);
  auto base = run_of(0, 2 * kBlock);
  auto near = base, far = base;
  near[kBlock + 50] = 9999;
  far[kBlock + 20] = 9999;
  auto table_near = compute(cache, near), table_far = compute(cache, far);
  BlockTable table;
  cache.match(base, 0, table);
  ASSERT_EQ(table.size(), 1);
  auto rest = std::span<const Token>(base).subspan(kBlock);
  const std::vector<std::pair<int, int>> cases = {{kBlock - 1, 50}, {30, 30}, {15, 0}};
  for (auto [room, shared] : cases) {
    EXPECT_EQ(cache.copy_lead(rest.first(room), 0, table), shared);
    ASSERT_EQ(table.size(), shared > 0 ? 2 : 1);
    if (shared == 0) continue;
    EXPECT_EQ(pages.last_from, cache.pages().page(table_near.blocks[1], 0));
    EXPECT_EQ(pages.last_to, cache.pages().page(table.blocks[1], 0));
    BlockTable copy{{table.blocks[1]}, 0};
    table.blocks.pop_back();
    cache.release(copy);
  }
}

TEST(KvCache, SaltsShareNothing) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(16), true, pages);
  auto tokens = run_of(0, 3 * kBlock);
  auto plain = compute(cache, tokens);
  for (uint64_t salt : {1, 2}) {
    BlockTable table;
    EXPECT_EQ(cache.match(tokens, salt, table), 0);
    EXPECT_EQ(cache.copy_lead(std::span(tokens).first(30), salt, table), 0);
    table = compute(cache, tokens, salt);
    for (int i = 0; i < 3; ++i) EXPECT_NE(table.blocks[i], plain.blocks[i]);
    BlockTable again;
    EXPECT_EQ(cache.match(tokens, salt, again), 3);
    EXPECT_EQ(again.blocks, table.blocks);
  }
}

TEST(KvCache, WithoutPrefixCachingNothingIsKept) {
  testing::NoPages pages;
  KvCache cache(KvShape::plain(4), false, pages);
  auto tokens = run_of(0, 2 * kBlock);
  auto table = compute(cache, tokens);
  cache.release(table);
  EXPECT_EQ(cache.cached(), 0);
  cache.match(tokens, 0, table);
  EXPECT_TRUE(table.blocks.empty());
}

/// Random requests over few distinct blocks, against a plain map of everything ever committed: a
/// match is right, and as long as what was kept allows.
TEST(KvCache, AgreesWithAPlainModel) {
  constexpr int kBlocks = 24;
  testing::NoPages pages;
  KvCache cache(KvShape::plain(kBlocks), true, pages);
  std::mt19937 random(3);
  std::map<int32_t, std::vector<Token>> content;   // block -> whole prefix it stands for
  std::vector<BlockTable> live;
  for (int round = 0; round < 20000; ++round) {
    if (!live.empty() && random() % 2) {
      size_t i = random() % live.size();
      cache.release(live[i]);
      live.erase(live.begin() + i);
    } else {
      std::vector<Token> tokens;
      for (int i = 0, n = 1 + random() % 5; i < n; ++i) {
        auto block = run_of(Token(random() % 3) * 100, kBlock);
        tokens.insert(tokens.end(), block.begin(), block.end());
      }
      BlockTable table;
      cache.match(tokens, 0, table);
      for (int i = 0; i < table.size(); ++i)
        ASSERT_EQ(content[table.blocks[i]],
                  std::vector<Token>(tokens.begin(), tokens.begin() + (i + 1) * kBlock));
      while (table.size() < int(tokens.size()) / kBlock && cache.extend(table)) {
        const int i = table.size() - 1;
        std::vector<Token> prefix(tokens.begin(), tokens.begin() + (i + 1) * kBlock);
        cache.commit(std::span(tokens).subspan(size_t(i) * kBlock, kBlock), 0, table, i);
        content[table.blocks[i]] = prefix;
      }
      live.push_back(table);
    }
    std::vector<int> owners(kBlocks, 0);
    for (const auto& table : live)
      for (int32_t b : table.blocks) ++owners[b];
    int used = 0;
    for (int b = 0; b < kBlocks; ++b) {
      ASSERT_EQ(cache.sequences(b), owners[b]);
      used += owners[b] > 0;
    }
    ASSERT_EQ(cache.used(), used);
  }
}

/// Pages with content: one number each.
struct Numbers : testing::NoPages {
  explicit Numbers(int n) : values(n) {}
  size_t page_bytes() const override { return sizeof(int); }
  void read_page(int32_t page, uint8_t* out) const override {
    std::memcpy(out, &values[page], sizeof(int));
  }
  void write_page(int32_t page, const uint8_t* bytes) override {
    std::memcpy(&values[page], bytes, sizeof(int));
  }
  std::vector<int> values;
};

/// A page for layers that see all, three for those that see two blocks back.
class WindowCache : public ::testing::Test {
 protected:
  static constexpr int kReach = 2;
  KvShape shape(int n_page) const {
    return {.n_block = n_page, .n_page = n_page, .groups = {{}, {.reach = kReach, .n_page = 3}}};
  }
  static int pages_of(int blocks) { return blocks + 3 * std::min(blocks, kReach); }
  testing::NoPages pages;
};

TEST_F(WindowCache, ASequenceHoldsNoMoreThanItsWindow) {
  KvCache cache(shape(100), false, pages);
  BlockTable table;
  for (int n = 1; n <= 20; ++n) {
    ASSERT_TRUE(cache.extend(table));
    cache.pass(table, n * kBlock);
    EXPECT_EQ(100 - cache.available().pages, pages_of(n));
    EXPECT_EQ(cache.pages().free(), cache.available().pages);
  }
  cache.release(table);
  EXPECT_EQ(cache.available().pages, 100);
}

TEST_F(WindowCache, TheShapeForeseesWhatIsTaken) {
  const KvShape s = shape(100);
  EXPECT_EQ(s.pages(20, 1), 20 + 3 * (kReach + 1));
  EXPECT_EQ(s.pages(20, kBlock), 20 + 3 * (kReach + 2));   // a chunk may begin within a block
  EXPECT_EQ(s.pages(2, 1000), 2 * 4);
  const int64_t most = s.positions() / kBlock;
  EXPECT_LE(s.pages(int(most), 1), 100);
  EXPECT_GT(s.pages(int(most) + 1, 1), 100);
  BlockTable table{{1, 2, 3, 4, 5}, 5};
  EXPECT_EQ(s.growth(table, 6, 1).pages, 4);
  EXPECT_EQ(s.growth(table, 9, 1).pages, 4 + 3);
  EXPECT_EQ(s.growth(table, 5, 0).pages, 3);   // of the block that comes next
}

TEST_F(WindowCache, AHitEndsWhereTheWindowIsThere) {
  KvCache cache(shape(200), true, pages);
  const auto tokens = run_of(0, 20 * kBlock);
  auto table = compute(cache, tokens);
  cache.release(table);
  // All that the sequence passed is still there: any prefix can be gone on from.
  for (int n : {20, 7}) {
    BlockTable hit;
    EXPECT_EQ(cache.match(std::span(tokens).first(n * kBlock), 0, hit), n);
    EXPECT_EQ(hit.size(), n);
    cache.release(hit);
  }
  // When room is needed what was passed goes, and the end stays.
  BlockTable other;
  while (cache.pages().free() >= 4) ASSERT_TRUE(cache.extend(other));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(cache.extend(other));
  BlockTable hit;
  EXPECT_EQ(cache.match(tokens, 0, hit), 20);
  EXPECT_EQ(hit.size(), 20);
  cache.release(hit);
  EXPECT_EQ(cache.match(std::span(tokens).first(3 * kBlock), 0, hit), 3);
  EXPECT_EQ(hit.size(), 0);
}

TEST_F(WindowCache, WhatIsComputedAnewCompletesTheBlocksThatLackIt) {
  KvCache cache(shape(60), true, pages);
  const auto tokens = run_of(0, 10 * kBlock);
  auto first = compute(cache, tokens);
  const std::vector<int32_t> blocks = first.blocks;
  cache.release(first);
  BlockTable other;
  while (cache.cached() == 10 && cache.pages().cached() > 3 * kReach) {
    ASSERT_TRUE(cache.extend(other));
  }
  cache.release(other);
  BlockTable second;
  EXPECT_EQ(cache.match(std::span(tokens).first(5 * kBlock), 0, second), 5);
  ASSERT_EQ(second.size(), 0);
  const int ends[] = {5};
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(cache.extend(second));
    cache.commit(std::span(tokens).subspan(size_t(i) * kBlock, kBlock), 0, second, i);
    cache.pass(second, (i + 1) * kBlock, ends);
    EXPECT_EQ(second.blocks[i], blocks[i]);
  }
  cache.release(second);
  // The place where the first hit was wanted is kept from now on.
  while (cache.pages().free() > 0) ASSERT_TRUE(cache.extend(other));
  EXPECT_EQ(cache.match(std::span(tokens).first(5 * kBlock), 0, second), 5);
  EXPECT_EQ(second.size(), 5);
}

TEST_F(WindowCache, MemoryGivesBackWhatTheEndNeeds) {
  constexpr int kPages = 60, kBlocks = 6, kColumns = 4;
  Numbers numbers(kPages);
  TierStore tiers({.ram_bytes = 1 << 20, .block_pages = kColumns, .bare_pages = 1}, numbers);
  KvCache cache(shape(kPages), true, numbers, &tiers);
  const auto tokens = run_of(0, kBlocks * kBlock);
  auto table = compute(cache, tokens);
  for (int i = 0; i < kBlocks; ++i)
    for (int c = 0; c < kColumns; ++c)
      if (const int32_t page = cache.pages().page(table.blocks[i], c); page >= 0)
        numbers.values[page] = 10 * i + c;
  cache.release(table);
  cache.match(tokens, 0, table);   // the second use, which makes it worth keeping
  cache.release(table);
  BlockTable other;
  while (cache.cached() > 0) ASSERT_TRUE(cache.extend(other));
  EXPECT_EQ(tiers.stats().ram_blocks, uint64_t{kBlocks});
  cache.release(other);
  std::fill(numbers.values.begin(), numbers.values.end(), -1);
  EXPECT_EQ(cache.match(std::span(tokens).first((kBlocks - 1) * kBlock), 0, table), kBlocks - 1);
  EXPECT_EQ(table.size(), 0) << "the window before that end was left behind";
  EXPECT_EQ(cache.match(tokens, 0, table), kBlocks);
  ASSERT_EQ(table.size(), kBlocks);
  EXPECT_EQ(kPages - cache.available().pages, pages_of(kBlocks));
  for (int i = 0; i < kBlocks; ++i)
    for (int c = 0; c < (i < kBlocks - kReach ? 1 : kColumns); ++c)
      EXPECT_EQ(numbers.values[cache.pages().page(table.blocks[i], c)], 10 * i + c);
  cache.release(table);
}

TEST_F(WindowCache, ForksLetGoOneByOne) {
  KvCache cache(shape(60), false, pages);
  BlockTable a, b;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(cache.extend(a));
  cache.share(a, b);
  const auto used = [&] { return 60 - cache.available().pages; };
  EXPECT_EQ(used(), 16);
  cache.pass(a, 4 * kBlock);
  EXPECT_EQ(used(), 16);
  cache.pass(b, 3 * kBlock);
  EXPECT_EQ(used(), 13);
  cache.release(b);
  EXPECT_EQ(used(), 4 + 3 * kReach);
  cache.release(a);
  EXPECT_EQ(used(), 0);
}

TEST_F(WindowCache, ACopyIsOwn) {
  KvCache cache(shape(60), false, pages);
  BlockTable a, b;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(cache.extend(a));
  cache.pass(a, 3 * kBlock + 5);
  cache.share(a, b);
  ASSERT_TRUE(cache.make_own(b, 3));
  EXPECT_EQ(pages.n_copied, 4);
  ASSERT_TRUE(cache.make_own(b, 0));   // its window is gone already
  EXPECT_EQ(pages.n_copied, 5);
  cache.release(a);
  EXPECT_EQ(60 - cache.available().pages, 4 + 3 * 3);
  cache.release(b);
  EXPECT_EQ(cache.available().pages, 60);
}

}  // namespace
}  // namespace strata::engine
