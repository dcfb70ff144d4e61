// attend() against attend_reference() on what the cache really holds (kv_load).
//
// Bound in float32: a score is a d_k-long sum, its error below d_k * 2^-24 * sum|q k| * scale; for
// unit-normal data that is < 1e-4 at d = 256 in the worst case and some 100 times less in practice.
// A weight inherits it as a relative error, and the output is an average of V: a part of
// max|v|. The bounds of the other arithmetics stand at attend().
#include "kernel/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <tuple>
#include <vector>

#include "kernel/every_isa_test.h"

namespace strata::kernel {
namespace {

constexpr float kBound = 1e-5f;
constexpr int kRows = 8;   // a few

float bound(KvType type, int rows) {
  if (type == KvType::f32 || (type == KvType::f16 && rows < 16)) return kBound;
  return type == KvType::bf16 || rows >= 16 ? 1e-2f : 1e-3f;
}

constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::bf16, KvType::q8_0, KvType::q4_0};

/// A paged cache and, beside it, the plain arrays it stands for. Whatever was not stored is NaN.
struct Cache {
  KvLayout layout;
  int n_position;
  std::vector<int32_t> table;
  std::vector<uint8_t> pool;
  std::vector<float> unit;                // of a centred cache, all heads alike
  std::vector<std::vector<float>> k, v;   // [head][position * d]
  float v_max = 0;

  Cache(KvLayout l, int n, std::mt19937& rng, int first = 0) : layout(l), n_position(n) {
    const int blocks = (n + kKvBlock - 1) / kKvBlock;
    table.resize(blocks);
    std::iota(table.begin(), table.end(), 2);
    std::shuffle(table.begin(), table.end(), rng);
    pool.assign(layout.block_bytes() * (blocks + 3), 0xff);
    std::normal_distribution<float> normal;
    if (layout.centred)
      for (int i = 0; i < layout.d_k; ++i) unit.push_back(std::exp2(float(i % 5 - 2)));
    k.resize(layout.n_head_kv);
    v.resize(layout.n_head_kv);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (int h = 0; h < layout.n_head_kv; ++h) {
      k[h].assign(size_t(n) * layout.d_k, nan);
      v[h].assign(size_t(n) * layout.d_v, nan);
      for (int p = first; p < n; ++p) {
        for (int i = 0; i < layout.d_k; ++i) k[h][p * layout.d_k + i] = normal(rng);
        for (int i = 0; i < layout.d_v; ++i) v[h][p * layout.d_v + i] = normal(rng);
        if (layout.latent) std::copy_n(&k[h][p * layout.d_k], layout.d_v, &v[h][p * layout.d_v]);
        store(h, p);
      }
    }
  }

  uint8_t* block_of(int position) {
    return pool.data() + table[position / kKvBlock] * layout.block_bytes();
  }

  void store(int head, int position) {
    float* key = &k[head][size_t(position) * layout.d_k];
    float* value = &v[head][size_t(position) * layout.d_v];
    // Blocks differ in what their keys have in common.
    std::vector<float> centre(size_t(layout.d_k));
    for (int i = 0; layout.centred && i < layout.d_k; ++i)
      centre[size_t(i)] = float(i % 3) * std::cos(float(position / kKvBlock + i));
    kv_store(layout, block_of(position), head, position % kKvBlock, key, value,
             {centre.data(), units()});
    kv_load(layout, block_of(position), head, position % kKvBlock, key, value, units());
    if (layout.latent) std::copy_n(key, layout.d_v, value);
    for (int i = 0; i < layout.d_v; ++i) v_max = std::max(v_max, std::abs(value[i]));
  }

  const float* units() const { return unit.empty() ? nullptr : unit.data(); }

  Attend task(int head, const std::vector<AttendRow>& rows, float softcap = 0) const {
    return {.layout = layout,
            .pool = pool.data(),
            .block_stride = layout.block_bytes(),
            .table = table.data(),
            .head = head,
            .unit = units(),
            .scale = 1 / std::sqrt(float(layout.d_k)),
            .softcap = softcap,
            .n_row = int(rows.size()),
            .rows = rows.data(),
            .block_begin = 0,
            .block_end = int(table.size())};
  }

  std::vector<float> expected(int head, const AttendRow& row, float softcap = 0) const {
    std::vector<float> out(layout.d_v);
    attend_reference(task(head, {row}, softcap), row, k[head].data(), v[head].data(), out.data());
    return out;
  }
};

/// Queries and outputs of a set of rows with the given ranges.
struct Rows {
  std::vector<std::vector<float>> q, out;
  std::vector<AttendRow> rows;

  Rows(const KvLayout& layout, std::vector<std::pair<int, int>> ranges, std::mt19937& rng) {
    std::normal_distribution<float> normal;
    for (auto [begin, end] : ranges) {
      q.emplace_back(layout.d_k);
      for (float& x : q.back()) x = normal(rng);
      out.emplace_back(layout.d_v, -77.0f);
      rows.push_back({.q = q.back().data(), .out = out.back().data(), .begin = begin, .end = end,
                      .position = end - 1});
    }
  }
};

void expect_near(const std::vector<float>& got, const std::vector<float>& want, float bound) {
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], bound) << "element " << i;
}

void check(Cache& cache, std::vector<std::pair<int, int>> ranges, std::mt19937& rng,
           float softcap = 0, void (*change)(AttendRow& row, int index) = nullptr) {
  for (int head = 0; head < cache.layout.n_head_kv; ++head) {
    Rows r(cache.layout, ranges, rng);
    if (change)
      for (size_t i = 0; i < r.rows.size(); ++i) change(r.rows[i], int(i));
    attend(cache.task(head, r.rows, softcap));
    for (size_t i = 0; i < r.rows.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "head " << head << " row " << i);
      expect_near(r.out[i], cache.expected(head, r.rows[i], softcap),
                  bound(cache.layout.type, cache.layout.latent ? 16 : int(ranges.size())) *
                      cache.v_max);
    }
  }
}

class Attention : public EveryIsa {};

TEST_P(Attention, EveryShapeTypeAndRowCount) {
  for (KvType type : kTypes)
    for (auto [d_k, d_v] : std::vector<std::pair<int, int>>{
             {16, 16}, {24, 24}, {64, 64}, {80, 80}, {96, 96}, {128, 128}, {192, 128}, {256, 256},
             {5, 7}, {576, 512}}) {
      Cache cache({type, 2, d_k, d_v}, 150, rng_);
      ASSERT_GE(attend_rows_max(cache.layout), 64);
      for (int n_row : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 31, 64}) {
        SCOPED_TRACE(testing::Message() << kv_name(type) << " d " << d_k << "," << d_v
                                        << " rows " << n_row);
        check(cache, std::vector(n_row, std::pair(0, 150)), rng_);
      }
    }
}

TEST_P(Attention, EveryLengthOverTwoBlocks) {
  for (KvType type : kTypes)
    for (int n = 1; n <= 2 * kKvBlock + 1; ++n) {
      SCOPED_TRACE(testing::Message() << kv_name(type) << " length " << n);
      Cache cache({type, 1, 24, 20}, n, rng_);
      check(cache, {{0, n}, {0, n}, {0, n}}, rng_);
      check(cache, std::vector(17, std::pair(0, n)), rng_);
    }
}

TEST_P(Attention, CausalRowsOfAPrefillChunk) {
  for (KvType type : kTypes) {
    Cache cache({type, 1, 64, 64}, 200, rng_);
    for (int rows : {kRows, 50})
      for (int first = 0; first < 200 - rows; first += rows == kRows ? 5 : 23) {
        SCOPED_TRACE(testing::Message() << kv_name(type) << " first " << first);
        std::vector<std::pair<int, int>> ranges;
        for (int t = 0; t < rows; ++t) ranges.push_back({0, first + t + 1});
        check(cache, ranges, rng_);
      }
  }
}

TEST_P(Attention, WindowsNeverSeeWhatLiesBeforeThem) {
  const int first = 70;   // positions before it were never stored: NaN
  for (KvType type : kTypes) {
    SCOPED_TRACE(kv_name(type));
    Cache cache({type, 1, 64, 48}, 300, rng_, first);
    cache.table[0] = -1;    // given back
    for (int begin = first; begin < 290; begin += 9)
      check(cache, {{begin, begin + 5}, {begin + 1, begin + 6}, {begin + 2, begin + 7}}, rng_);
    check(cache, {{70, 300}, {127, 128}, {128, 129}, {191, 194}}, rng_);
    std::vector<std::pair<int, int>> many;
    for (int r = 0; r < 40; ++r) many.push_back({70 + 3 * r, 101 + 3 * r});
    check(cache, many, rng_);
  }
}

TEST_P(Attention, UnrelatedRangesInAnyOrder) {
  Cache cache({KvType::f16, 1, 80, 80}, 400, rng_);
  std::uniform_int_distribution<int> position(0, 400);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int, int>> ranges;
    for (int r = 0; r < 1 + round % kRows; ++r)
      ranges.push_back(std::minmax({position(rng_), position(rng_)}));   // some of them empty
    check(cache, ranges, rng_);
  }
}

TEST_P(Attention, AnInfiniteValueStaysInTheRowsThatAttendIt) {
  Cache cache({KvType::f32, 1, 16, 16}, 20, rng_);
  cache.v[0][10 * 16 + 3] = std::numeric_limits<float>::infinity();
  cache.k[0][11 * 16] = std::numeric_limits<float>::quiet_NaN();
  cache.store(0, 10);
  cache.store(0, 11);
  cache.v_max = 5;
  // Rows that see neither, the infinity, both; then rows that begin behind both, one, none.
  Rows early(cache.layout, {{0, 9}, {0, 10}, {0, 11}, {0, 12}, {0, 20}}, rng_);
  Rows late(cache.layout, {{12, 20}, {11, 20}, {10, 20}}, rng_);
  attend(cache.task(0, early.rows));
  attend(cache.task(0, late.rows));
  expect_near(early.out[0], cache.expected(0, early.rows[0]), kBound * cache.v_max);
  expect_near(early.out[1], cache.expected(0, early.rows[1]), kBound * cache.v_max);
  EXPECT_FALSE(std::isfinite(early.out[2][3]));
  EXPECT_TRUE(std::isfinite(early.out[2][4]));
  EXPECT_TRUE(std::isnan(early.out[3][4]));
  expect_near(late.out[0], cache.expected(0, late.rows[0]), kBound * cache.v_max);
  EXPECT_TRUE(std::isnan(late.out[1][4]));
}

TEST_P(Attention, ANanInACodedGroupIsSeen) {
  for (KvType type : {KvType::q8_0, KvType::q4_0}) {
    Cache cache({type, 1, 32, 32}, 20, rng_);
    cache.v[0][10 * 32 + 3] = std::numeric_limits<float>::quiet_NaN();
    cache.store(0, 10);
    cache.v_max = 5;
    Rows r(cache.layout, {{0, 10}, {0, 11}, {11, 20}}, rng_);
    attend(cache.task(0, r.rows));
    expect_near(r.out[0], cache.expected(0, r.rows[0]), 1e-3f * cache.v_max);
    EXPECT_TRUE(std::isnan(r.out[1][4]));
    expect_near(r.out[2], cache.expected(0, r.rows[2]), 1e-3f * cache.v_max);
  }
}

TEST_P(Attention, Softcap) {
  Cache cache({KvType::f16, 2, 64, 64}, 130, rng_);
  for (float cap : {0.5f, 5.0f, 50.0f}) check(cache, {{0, 130}, {3, 129}}, rng_, cap);
}

TEST_P(Attention, SlopesOfCausalAndBidirectionalRows) {
  for (KvType type : {KvType::f32, KvType::f16}) {
    Cache cache({type, 2, 24, 24}, 200, rng_);
    check(cache, {{0, 200}, {0, 199}, {70, 130}, {64, 65}}, rng_, 0, [](AttendRow& row, int i) {
      row.slope = std::exp2(-2.0f * i);
    });
    check(cache, {{0, 200}, {0, 200}, {30, 150}}, rng_, 20, [](AttendRow& row, int i) {
      row.slope = 0.1f;
      row.position = 40 + 50 * i;   // in the middle
    });
  }
}

TEST_P(Attention, SinksJoinTheSum) {
  Cache cache({KvType::f16, 1, 64, 64}, 130, rng_);
  check(cache, {{0, 130}, {0, 1}, {60, 70}, {0, 130}, {5, 5}}, rng_, 0, [](AttendRow& row, int i) {
    row.sink = std::vector<float>{0.5f, 3, -2, 80, 1}[i];   // the fourth leaves nothing to values
  });
}

TEST_P(Attention, LatentValuesArePartsOfTheKeys) {
  for (KvType type : kTypes)
    for (auto [d_k, d_v] :
         std::vector<std::pair<int, int>>{{576, 512}, {40, 24}, {20, 20}, {9, 3}}) {
      SCOPED_TRACE(testing::Message() << kv_name(type) << " d " << d_k << "," << d_v);
      Cache cache({type, 1, d_k, d_v, true}, 150, rng_);
      EXPECT_EQ(cache.layout.v_bytes(), 0u);
      check(cache, std::vector(kRows, std::pair(0, 150)), rng_);
      check(cache, {{0, 150}, {70, 100}, {3, 64}}, rng_);
    }
}

TEST_P(Attention, RotationChangesNothingButTheCodes) {
  for (KvType type : {KvType::q8_0, KvType::q4_0})
    for (auto [d_k, d_v, latent] : std::vector<std::tuple<int, int, bool>>{
             {64, 64, false}, {96, 80, false}, {9, 7, false}, {576, 512, true}}) {
      SCOPED_TRACE(testing::Message() << kv_name(type) << " d " << d_k << "," << d_v);
      Cache cache({type, 1, d_k, d_v, latent, true}, 100, rng_);
      check(cache, {{0, 100}, {10, 100}, {0, 70}}, rng_);
      check(cache, std::vector(20, std::pair(0, 100)), rng_);
    }
}

TEST_P(Attention, CentresAndUnitsChangeNothingButTheCodes) {
  for (KvType type : {KvType::q8_0, KvType::q4_0})
    for (auto [d_k, d_v, rotated] : std::vector<std::tuple<int, int, bool>>{
             {64, 64, false}, {64, 64, true}, {96, 80, true}, {9, 7, false}}) {
      SCOPED_TRACE(testing::Message() << kv_name(type) << " d " << d_k << "," << d_v);
      Cache cache({type, 2, d_k, d_v, false, rotated, true}, 200, rng_);
      for (int rows : {1, 3, 20}) {
        check(cache, std::vector(size_t(rows), std::pair(0, 200)), rng_);
        check(cache, std::vector(size_t(rows), std::pair(70, 190)), rng_, 3);
      }
      check(cache, {{0, 200}, {0, 3}}, rng_, 0, [](AttendRow& row, int) { row.sink = 1; });
    }
}

TEST_P(Attention, ScoresFarApartAndFarFromZero) {
  // One key aligned with the query: a score of +-400 among small ones must neither overflow nor
  // leave a trace of the others.
  for (float sign : {1.0f, -1.0f}) {
    Cache cache({KvType::f32, 1, 16, 16}, 200, rng_);
    Rows r(cache.layout, {{0, 200}}, rng_);
    for (int i = 0; i < 16; ++i) cache.k[0][137 * 16 + i] = sign * 100 * r.q[0][i];
    cache.store(0, 137);
    attend(cache.task(0, r.rows));
    expect_near(r.out[0], cache.expected(0, r.rows[0]), 2e-4f * cache.v_max);
  }
}

TEST_P(Attention, EmptyRangeGivesZeros) {
  Cache cache({KvType::f16, 1, 16, 20}, 64, rng_);
  Rows r(cache.layout, {{0, 0}, {0, 64}, {64, 64}}, rng_);
  attend(cache.task(0, r.rows));
  for (float x : r.out[0]) EXPECT_EQ(x, 0);
  for (float x : r.out[2]) EXPECT_EQ(x, 0);
  expect_near(r.out[1], cache.expected(0, r.rows[1]), kBound * cache.v_max);
}

TEST_P(Attention, SplitsMergeToTheWhole) {
  for (auto [d_k, d_v] : std::vector<std::pair<int, int>>{{64, 64}, {96, 40}}) {
    Cache cache({KvType::f16, 1, d_k, d_v}, 5 * kKvBlock - 7, rng_);
    const int stride = cache.layout.d_v_padded() + 16;
    for (int n_split = 1; n_split <= 5; ++n_split) {
      SCOPED_TRACE(n_split);
      // The third row lies in the last blocks only: its first partials are empty; the last is empty
      // everywhere.
      Rows r(cache.layout, {{0, 313}, {5, 300}, {260, 300}, {7, 7}}, rng_);
      r.rows[1].sink = 2;
      attend(cache.task(0, r.rows));
      const int n_row = int(r.rows.size());
      std::vector<float> partials(size_t(n_split) * n_row * stride, NAN);
      for (int s = 0; s < n_split; ++s) {
        std::vector<AttendRow> rows = r.rows;
        if (s > 0)
          for (AttendRow& row : rows) row.sink = kNoSink;
        for (int i = 0; i < n_row; ++i) {
          rows[i].out = nullptr;
          rows[i].partial = &partials[(size_t(s) * n_row + i) * stride];
        }
        Attend part = cache.task(0, rows);
        part.block_begin = 5 * s / n_split;
        part.block_end = 5 * (s + 1) / n_split;
        attend(part);
      }
      for (int i = 0; i < n_row; ++i) {
        std::vector<float> merged(d_v, -77.0f);
        attend_merge(&partials[size_t(i) * stride], int64_t(n_row) * stride, n_split, d_v,
                     merged.data());
        expect_near(merged, r.out[i], 2e-6f * cache.v_max);
      }
    }
  }
}

TEST_P(Attention, WherePhysicalBlocksLieChangesNothing) {
  Cache cache({KvType::f16, 2, 64, 64}, 500, rng_);
  Rows before(cache.layout, {{0, 500}, {0, 499}, {100, 498}}, rng_);
  attend(cache.task(1, before.rows));
  const std::vector<int32_t> old_table = cache.table;
  const std::vector<uint8_t> old_pool = cache.pool;
  std::shuffle(cache.table.begin(), cache.table.end(), rng_);
  const size_t bytes = cache.layout.block_bytes();
  for (size_t b = 0; b < old_table.size(); ++b)
    std::memcpy(&cache.pool[cache.table[b] * bytes], &old_pool[old_table[b] * bytes], bytes);
  Rows after = before;
  for (size_t i = 0; i < after.rows.size(); ++i) {
    after.rows[i].q = after.q[i].data();
    after.rows[i].out = after.out[i].data();
    std::fill(after.out[i].begin(), after.out[i].end(), -77.0f);
  }
  attend(cache.task(1, after.rows));
  EXPECT_EQ(before.out, after.out);
}

TEST_P(Attention, ARowDoesNotDependOnTheOthersInItsPass) {
  Cache cache({KvType::f16, 1, 64, 64}, 333, rng_);
  Rows all(cache.layout, std::vector(kRows, std::pair(0, 333)), rng_);
  attend(cache.task(0, all.rows));
  for (int i = 0; i < kRows; ++i) {
    std::vector<float> alone(64, -77.0f);
    std::vector<AttendRow> row = {all.rows[i]};
    row[0].out = alone.data();
    attend(cache.task(0, row));
    expect_near(alone, all.out[i], kBound * cache.v_max);
  }
}

STRATA_EVERY_ISA(Attention);

}  // namespace
}  // namespace strata::kernel
