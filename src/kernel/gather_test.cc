#include "kernel/experts.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace strata::kernel {
namespace {

std::vector<Record> quantised(const std::vector<float>& x, int64_t cols) {
  const auto tokens = static_cast<int64_t>(x.size()) / cols;
  std::vector<Record> records(record_count(cols, tokens));
  for (int64_t t = 0; t < tokens; t += kTileTokens) {
    const int n = static_cast<int>(std::min<int64_t>(kTileTokens, tokens - t));
    quantise_tile(&x[t * cols], cols, cols, n, &records[record_offset(cols, t)]);
  }
  return records;
}

// Gathered records are those of the gathered rows.
TEST(GatherRecords, CommutesWithQuantising) {
  constexpr int64_t kCols = 96;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int64_t tokens : {1, 5, 6, 7, 20}) {
    std::vector<float> x(tokens * kCols);
    for (float& v : x) v = normal(random);
    const std::vector<Record> batch = quantised(x, kCols);
    for (int64_t n : {1, 2, 6, 8, 13}) {
      std::vector<int32_t> from(n);
      std::vector<float> rows;
      for (int32_t& row : from) {
        row = static_cast<int32_t>(random() % tokens);
        rows.insert(rows.end(), &x[row * kCols], &x[row * kCols] + kCols);
      }
      const std::vector<Record> want = quantised(rows, kCols);
      std::vector<Record> got(want.size());
      gather_records(batch.data(), kCols, tokens, from.data(), n, got.data());
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(Record)), 0)
          << n << " of " << tokens;
    }
  }
}

}  // namespace
}  // namespace strata::kernel
