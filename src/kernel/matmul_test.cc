#include <limits>

#include "kernel/every_isa_test.h"
#include "kernel/matmul_sample_test.h"

namespace strata::kernel {
namespace {

// Where each step is slow (sanitizers, emulation) the small shapes of each kind do.
const std::vector<int64_t> kRows = STRATA_TEST_SHORT ? std::vector<int64_t>{17}
                                                     : std::vector<int64_t>{1, 17, 48};
const std::vector<int64_t> kCols = STRATA_TEST_SHORT
                                       ? std::vector<int64_t>{96, 256, 576}
                                       : std::vector<int64_t>{32, 96, 256, 576, 1536};
const int kTokens[] = {1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 19, 22, 32, 67};

/// The bounds of matmul.h times sum(A |x|).
double bound(bool fast, int64_t cols) {
  return 0x1p-24 * (fast ? 48 + double(cols) / 256 : 136 + double(cols) / 128);
}

class Matmul : public EveryIsa {
 protected:
  // All tokens up to tokens.size() against the reference; y has a stride and a guard around it.
  void check(const Sample& w, const std::vector<float>& x, int tokens, bool fast) {
    const std::vector<Record> records =
        fast ? quantise(x.data(), w.cols, w.cols, tokens) : std::vector<Record>();
    const Activation in{x.data(), w.cols, fast ? records.data() : nullptr, tokens};
    std::vector<double> want(tokens * w.rows);
    matmul_reference(w.type, w.stored.data(), w.rows, w.cols, in, want.data());

    const float guard = 12345;
    const int64_t stride = w.rows + 3;
    std::vector<float> y(tokens * stride + 16, guard);
    matmul(w.packed, in, {.y = y.data(), .stride = stride}, 0, w.packed.groups());
    for (int64_t r = 0; r < w.rows; r++) {
      const std::vector<float> size = w.magnitude(r);
      for (int t = 0; t < tokens; t++) {
        double sum = 0;
        for (int64_t k = 0; k < w.cols; k++) sum += std::abs(size[k] * x[t * w.cols + k]);
        // A record's values may be larger than x by half a step.
        const double limit = bound(fast, w.cols) * sum * 1.01 + 1e-30;
        ASSERT_NEAR(y[t * stride + r], want[t * w.rows + r], limit)
            << info(w.type).name << " " << w.rows << "x" << w.cols << " tokens " << tokens << " at "
            << r << "," << t << (fast ? " fast" : " exact");
      }
    }
    for (int t = 0; t < tokens; t++)
      for (int64_t r = w.rows; r < stride; r++) ASSERT_EQ(y[t * stride + r], guard);
    for (size_t i = tokens * stride; i < y.size(); i++) ASSERT_EQ(y[i], guard);
  }

  void check_all(bool fast) {
    for (Type type : every_type()) {
      if (fast && !info(type).quantised) continue;
      for (int64_t rows : kRows)
        for (int64_t cols : kCols) {
          if (cols % info(type).block) continue;
          const Sample w(type, rows, cols, rng_);
          const std::vector<float> x = normal_floats(cols * 67, rng_);
          for (int tokens : kTokens) {
            check(w, x, tokens, fast);
            if (HasFatalFailure()) return;
          }
        }
    }
  }
};
STRATA_EVERY_ISA(Matmul);

TEST_P(Matmul, FastAgreesWithTheReference) { check_all(true); }

TEST_P(Matmul, ExactAgreesWithTheReference) { check_all(false); }

TEST_P(Matmul, FloatWeightsTakeAnyNumberOfColumns) {
  for (Type type : {Type::f32, Type::f16, Type::bf16})
    for (int64_t cols : {1, 2, 3, 7, 127, 129, 258})
      for (int tokens : {1, 3, 6, 8}) {
        const Sample w(type, 19, cols, rng_);
        check(w, normal_floats(cols * tokens, rng_), tokens, false);
        if (HasFatalFailure()) return;
      }
}

// Two and more slices of columns, tiles of tokens, a last group of one, odd columns.
TEST_P(Matmul, RoundedInputIsWithinItsBound) {
  for (Type type : {Type::bf16, Type::f8_e4m3, Type::f8_e5m2})
    for (int64_t cols : {64, 320, 1088, 2113})
      for (int tokens : {25, 31, 36, 260}) {
        if (cols % info(type).block || (STRATA_TEST_SHORT && tokens > 31)) continue;
        Sample w(type, 37, cols, rng_);
        w.packed.round_input = true;
        const std::vector<float> x = normal_floats(cols * tokens, rng_);
        const std::vector<float> bias = normal_floats(37, rng_);
        const Activation in{.f32 = x.data(), .stride = cols, .records = nullptr, .tokens = tokens};
        std::vector<double> want(tokens * 37);
        matmul_reference(type, w.stored.data(), 37, cols, in, want.data());
        std::vector<float> y = normal_floats(37 * tokens, rng_), before = y;
        matmul(w.packed, in,
               {.y = y.data(), .stride = 37, .accumulate = true, .bias = bias.data()}, 0, 3);
        for (int r = 0; r < 37; r++) {
          const std::vector<float> size = w.magnitude(r);
          for (int t = 0; t < tokens; t++) {
            double sum = 0;
            for (int64_t k = 0; k < cols; k++) sum += std::abs(size[k] * x[t * cols + k]);
            ASSERT_NEAR(y[t * 37 + r], want[t * 37 + r] + before[t * 37 + r] + bias[r],
                        (0x1p-9 + 0x1p-14) * sum + 1e-5)
                << info(type).name << " " << cols << " columns, " << tokens << " tokens";
          }
        }
      }
}

TEST_P(Matmul, LargeMatrix) {
  for (Type type : {Type::q4_0, Type::q4_k, Type::q6_k, Type::f32}) {
    const Sample w(type, 33, 4096, rng_);
    for (int tokens : {1, 6, STRATA_TEST_SHORT ? 90 : 600})
      check(w, normal_floats(4096 * tokens, rng_), tokens, info(type).quantised);
  }
}

TEST_P(Matmul, GroupRangesAccumulateAndBias) {
  const int64_t rows = 87, cols = 512, groups = 6;
  for (Type type : every_type())
    for (int tokens : {1, 4, 7, 19})
      for (bool fast : {true, false}) {
        const Sample w(type, rows, cols, rng_);
        const std::vector<float> x = normal_floats(cols * tokens, rng_);
        const std::vector<float> bias = normal_floats(rows, rng_);
        const std::vector<Record> records = quantise(x.data(), cols, cols, tokens);
        const Activation in{x.data(), cols, fast ? records.data() : nullptr, tokens};
        std::vector<float> plain(rows * tokens), y = normal_floats(rows * tokens, rng_), before = y;
        matmul(w.packed, in, {.y = plain.data(), .stride = rows}, 0, groups);
        const Output out{.y = y.data(), .stride = rows, .accumulate = true, .bias = bias.data()};
        matmul(w.packed, in, out, 3, groups);
        matmul(w.packed, in, out, 0, 2);
        matmul(w.packed, in, out, 2, 3);
        matmul(w.packed, in, out, 2, 2);
        for (int t = 0; t < tokens; t++)
          for (int64_t r = 0; r < rows; r++) {
            const float v = plain[t * rows + r], b = before[t * rows + r];
            ASSERT_NEAR(y[t * rows + r], v + b + bias[r],
                        1e-6f * (std::abs(v) + std::abs(b) + std::abs(bias[r])))
                << info(type).name << " tokens " << tokens << " row " << r;
          }
      }
}

TEST_P(Matmul, DifficultActivations) {
  const int64_t cols = 768;
  const int tokens = 9;
  std::vector<float> x = normal_floats(cols * tokens, rng_);
  for (int t = 0; t < tokens; t++) x[t * cols + 80 * t + 5] *= 1000;
  for (int64_t k = 0; k < cols; k++) x[2 * cols + k] = 0;
  for (int64_t k = 0; k < cols; k++) x[3 * cols + k] *= 1e-40f;
  for (int64_t k = 0; k < 256; k++) x[4 * cols + k] *= 1e-20f;
  for (Type type : every_type()) {
    const Sample w(type, 40, cols, rng_);
    for (int n : {5, tokens}) {
      if (info(type).quantised) check(w, x, n, true);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(Matmul, InfinityAndNanActivationsStayFinite) {
  const int64_t cols = 256;
  std::vector<float> x = normal_floats(cols * 8, rng_);
  x[3] = std::nanf("");
  x[cols + 40] = std::numeric_limits<float>::infinity();
  for (Type type : every_type()) {
    if (!info(type).quantised) continue;
    const Sample w(type, 16, cols, rng_);
    for (int tokens : {2, 8}) {
      const std::vector<Record> records = quantise(x.data(), cols, cols, tokens);
      std::vector<float> y(16 * tokens);
      matmul(w.packed, {.records = records.data(), .tokens = tokens},
             {.y = y.data(), .stride = 16}, 0, 1);
      for (float v : y) EXPECT_TRUE(std::isfinite(v)) << info(type).name;
    }
  }
}

// What the fast path costs in accuracy against the unrounded activations, as matmul.h states it.
TEST_P(Matmul, FastIsWithinTheStatedErrorOfTheExactProduct) {
  const int64_t rows = 32, cols = 1024;
  const int tokens = 7;
  std::vector<float> x = normal_floats(cols * tokens, rng_);
  for (int t = 0; t < tokens; t++)
    for (int64_t k = t; k < cols; k += 97) x[t * cols + k] *= 20;
  for (Type type : every_type()) {
    if (!info(type).quantised) continue;
    const Sample w(type, rows, cols, rng_);
    const std::vector<Record> records = quantise(x.data(), cols, cols, tokens);
    std::vector<double> want(rows * tokens);
    matmul_reference(type, w.stored.data(), rows, cols,
                     {.f32 = x.data(), .stride = cols, .tokens = tokens}, want.data());
    std::vector<float> y(rows * tokens);
    matmul(w.packed, {.records = records.data(), .tokens = tokens},
           {.y = y.data(), .stride = rows}, 0, 2);
    for (int64_t r = 0; r < rows; r++) {
      const std::vector<float> row = w.row(r), size = w.magnitude(r);
      for (int t = 0; t < tokens; t++) {
        double limit = 0;
        for (int64_t from = 0; from < cols; from += 256) {
          double max = 0, sum = 0;
          for (int64_t k = from; k < from + 256; k++) {
            max = std::max(max, double(std::abs(x[t * cols + k])));
            sum += std::abs(row[k]);
            limit += bound(true, cols) * size[k] * std::abs(x[t * cols + k]);
          }
          limit += max / 254 * sum;
        }
        ASSERT_NEAR(y[t * rows + r], want[t * rows + r], limit) << info(type).name;
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernel
