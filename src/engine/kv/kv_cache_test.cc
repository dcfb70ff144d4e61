#include "engine/kv/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "engine/testing/no_blocks.h"

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
std::vector<int32_t> compute(KvCache& cache, const std::vector<Token>& tokens) {
  std::vector<int32_t> table;
  cache.match(tokens, 0, table);
  for (size_t i = table.size(); i < tokens.size() / kBlock; ++i) {
    table.push_back(cache.allocate());
    cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), 0, table, static_cast<int>(i));
  }
  return table;
}

TEST(KvCache, AReleasedPrefixIsFoundAgain) {
  testing::NoBlocks blocks;
  KvCache cache(8, true, blocks);
  auto tokens = run_of(0, 3 * kBlock);
  auto table = compute(cache, tokens);
  EXPECT_EQ(cache.used(), 3);
  auto first = table;
  cache.release(table);
  EXPECT_EQ(cache.used(), 0);
  EXPECT_EQ(cache.cached(), 3);
  std::vector<int32_t> again;
  cache.match(std::span(tokens).first(3 * kBlock - 1), 0, again);
  EXPECT_EQ(again, (std::vector<int32_t>{first[0], first[1]}));
  EXPECT_EQ(cache.used(), 2);
}

TEST(KvCache, EvictsTheOldestRequestTailFirst) {
  testing::NoBlocks blocks;
  KvCache cache(6, true, blocks);
  auto a = run_of(0, 3 * kBlock), b = run_of(1000, 3 * kBlock);
  auto table_a = compute(cache, a);
  auto table_b = compute(cache, b);
  auto blocks_a = table_a, blocks_b = table_b;
  cache.release(table_a);
  cache.release(table_b);
  EXPECT_EQ(cache.allocate(), blocks_a[2]);
  EXPECT_EQ(cache.allocate(), blocks_a[1]);
  // What is left of a is still a prefix; using it makes b the oldest.
  std::vector<int32_t> hit;
  cache.match(a, 0, hit);
  EXPECT_EQ(hit, (std::vector<int32_t>{blocks_a[0]}));
  cache.release(hit);
  EXPECT_EQ(cache.allocate(), blocks_b[2]);
}

TEST(KvCache, UsedBlocksAreNeverEvicted) {
  testing::NoBlocks blocks;
  KvCache cache(4, true, blocks);
  auto table = compute(cache, run_of(0, 4 * kBlock));
  EXPECT_EQ(cache.available(), 0);
  EXPECT_EQ(cache.allocate(), -1);
}

TEST(KvCache, EqualContentIsKeptOnce) {
  testing::NoBlocks blocks;
  KvCache cache(8, true, blocks);
  auto tokens = run_of(0, 2 * kBlock);
  std::vector<int32_t> a = {cache.allocate(), cache.allocate()};
  std::vector<int32_t> b = {cache.allocate(), cache.allocate()};
  for (int i = 0; i < 2; ++i) {
    cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), 0, a, i);
    cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), 0, b, i);
  }
  EXPECT_EQ(a, b);
  EXPECT_EQ(cache.used(), 2);
  EXPECT_TRUE(cache.shared(a[0]));
}

TEST(KvCache, EqualBlocksBelowDifferentParentsAreDifferent) {
  testing::NoBlocks blocks;
  KvCache cache(8, true, blocks);
  auto a = run_of(0, 2 * kBlock), b = run_of(5000, 2 * kBlock);
  std::copy(a.begin() + kBlock, a.end(), b.begin() + kBlock);
  auto table_a = compute(cache, a);
  auto table_b = compute(cache, b);
  EXPECT_NE(table_a[1], table_b[1]);
}

TEST(KvCache, PartialMatchTakesTheLongestLead) {
  testing::NoBlocks blocks;
  KvCache cache(16, true, blocks);
  auto base = run_of(0, 2 * kBlock);
  auto near = base, far = base;
  near[kBlock + 50] = 9999;
  far[kBlock + 20] = 9999;
  auto table_near = compute(cache, near), table_far = compute(cache, far);
  std::vector<int32_t> table;
  cache.match(base, 0, table);
  ASSERT_EQ(table.size(), 1u);
  auto rest = std::span<const Token>(base).subspan(kBlock);
  auto partial = cache.match_partial(rest.first(kBlock - 1), 0, table);
  EXPECT_EQ(partial.block, table_near[1]);
  EXPECT_EQ(partial.n_token, 50);
  partial = cache.match_partial(rest.first(30), 0, table);
  EXPECT_EQ(partial.n_token, 30);
  EXPECT_EQ(cache.match_partial(rest.first(15), 0, table).block, -1);
}

TEST(KvCache, SaltsShareNothing) {
  testing::NoBlocks blocks;
  KvCache cache(16, true, blocks);
  auto tokens = run_of(0, 3 * kBlock);
  auto plain = compute(cache, tokens);
  for (uint64_t salt : {1, 2}) {
    std::vector<int32_t> table;
    cache.match(tokens, salt, table);
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(cache.match_partial(std::span(tokens).first(30), salt, table).block, -1);
    for (int i = 0; i < 3; ++i) {
      table.push_back(cache.allocate());
      cache.commit(std::span(tokens).subspan(i * kBlock, kBlock), salt, table, i);
      EXPECT_NE(table[i], plain[i]);
    }
    std::vector<int32_t> again;
    cache.match(tokens, salt, again);
    EXPECT_EQ(again, table);
  }
}

TEST(KvCache, WithoutPrefixCachingNothingIsKept) {
  testing::NoBlocks blocks;
  KvCache cache(4, false, blocks);
  auto tokens = run_of(0, 2 * kBlock);
  auto table = compute(cache, tokens);
  cache.release(table);
  EXPECT_EQ(cache.cached(), 0);
  cache.match(tokens, 0, table);
  EXPECT_TRUE(table.empty());
}

/// Random requests over few distinct blocks, against a plain map of everything ever committed: a
/// match is right, and as long as what was kept allows.
TEST(KvCache, AgreesWithAPlainModel) {
  constexpr int kBlocks = 24;
  testing::NoBlocks blocks;
  KvCache cache(kBlocks, true, blocks);
  std::mt19937 random(3);
  std::map<int32_t, std::vector<Token>> content;   // block -> whole prefix it stands for
  std::vector<std::vector<int32_t>> live;
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
      std::vector<int32_t> table;
      cache.match(tokens, 0, table);
      for (size_t i = 0; i < table.size(); ++i)
        ASSERT_EQ(content[table[i]],
                  std::vector<Token>(tokens.begin(), tokens.begin() + (i + 1) * kBlock));
      while (table.size() < tokens.size() / kBlock && cache.available() > 0) {
        int i = static_cast<int>(table.size());
        table.push_back(cache.allocate());
        std::vector<Token> prefix(tokens.begin(), tokens.begin() + (i + 1) * kBlock);
        cache.commit(std::span(tokens).subspan(size_t(i) * kBlock, kBlock), 0, table, i);
        content[table[i]] = prefix;
      }
      live.push_back(table);
    }
    std::vector<int> owners(kBlocks, 0);
    for (const auto& table : live)
      for (int32_t b : table) ++owners[b];
    int used = 0;
    for (int b = 0; b < kBlocks; ++b) {
      ASSERT_EQ(cache.sequences(b), owners[b]);
      used += owners[b] > 0;
    }
    ASSERT_EQ(cache.used(), used);
  }
}

}  // namespace
}  // namespace strata::engine
