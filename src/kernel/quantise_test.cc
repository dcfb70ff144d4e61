#include <limits>

#include "kernel/every_isa_test.h"
#include "kernel/matmul_sample_test.h"

namespace strata::kernel {
namespace {

class Quantise : public EveryIsa {
 protected:
  // Every record's own sums, and every value within half a step of what it stands for; a block's
  // step is at most 1/127 of the maximum of its 256 columns, and at most 2/127 of its own (until
  // the smallest step).
  void check(const std::vector<float>& x, int64_t cols, int tokens) {
    const std::vector<Record> records = quantise(x.data(), cols, cols, tokens);
    for (int t = 0; t < tokens; t++) {
      const int first = t / kTileTokens * kTileTokens, tile = std::min(kTileTokens, tokens - first);
      for (int64_t b = 0; b < cols / 32; b++) {
        const Record& r = records[record_offset(cols, first) + b * tile + t - first];
        const float* row = x.data() + t * cols;
        float span_max = 0, block_max = 0;
        for (int64_t k = b / 8 * 256; k < std::min(cols, b / 8 * 256 + 256); k++)
          span_max = std::max(span_max, std::abs(row[k]));
        int sum = 0, high = 0;
        const double step = std::ldexp(double(r.scale), int(r.exponent >> 23));
        for (int i = 0; i < 32; i++) {
          const float v = row[b * 32 + i];
          block_max = std::max(block_max, std::abs(v));
          sum += r.q[i];
          high += i >= 16 ? r.q[i] : 0;
          ASSERT_NEAR(r.q[i] * step, v, step * 0.50001 + 1e-27) << t << " " << b << " " << i;
          ASSERT_GE(r.q[i], -127);
        }
        EXPECT_EQ(r.neg_sum, -sum);
        EXPECT_EQ(r.neg_sum_hi, -high);
        EXPECT_EQ(r.exponent & 0x7fffff, 0u);
        EXPECT_LE(r.exponent >> 23, 24u);
        EXPECT_LE(step, span_max / 127 * 1.00001);
        if (block_max > span_max * 0x1p-23f) {
          EXPECT_LE(step, block_max / 127 * 2.00001);
        }
      }
    }
  }
};
STRATA_EVERY_ISA(Quantise);

TEST_P(Quantise, ValuesAreWithinHalfAStep) {
  for (int64_t cols : {32, 96, 256, 576, 1536})
    for (int tokens : {1, 2, 5, 6, 7, 13}) check(normal_floats(cols * tokens, rng_), cols, tokens);
}

TEST_P(Quantise, OutliersZerosAndTinyValues) {
  const int64_t cols = 768;
  std::vector<float> x = normal_floats(cols * 6, rng_);
  for (int t = 0; t < 6; t++) x[t * cols + 100 * t + 7] *= 1000;
  for (int64_t k = 0; k < 64; k++) x[k] = 0;
  for (int64_t k = 256; k < 512; k++) x[cols + k] = 0;
  for (int64_t k = 0; k < cols; k++) x[2 * cols + k] *= 1e-20f;
  for (int64_t k = 0; k < cols; k++) x[3 * cols + k] *= 1e-40f;
  for (int64_t k = 0; k < cols; k++) x[4 * cols + k] *= 1e35f;
  for (int64_t k = 0; k < 32; k++) x[5 * cols + k] *= 1e-9f;
  check(x, cols, 6);
}

TEST_P(Quantise, NotANumberAndInfinityBecomeZero) {
  const int64_t cols = 512;
  std::vector<float> x = normal_floats(cols, rng_), finite = x;
  const float inf = std::numeric_limits<float>::infinity();
  for (auto [k, v] : {std::pair{3, inf}, {40, -inf}, {41, std::nanf("")}, {300, -std::nanf("")}}) {
    x[k] = v;
    finite[k] = 0;
  }
  const std::vector<Record> got = quantise(x.data(), cols, cols, 1);
  const std::vector<Record> want = quantise(finite.data(), cols, cols, 1);
  EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(Record)), 0);
}

}  // namespace
}  // namespace strata::kernel
