#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

double log_sum_exp_f64(Row& x, double s) {
  double top = -INFINITY;
  for (float v : x) top = std::max(top, v * s);
  return top + std::log(x.sum_of([&](double v) { return std::exp(v * s - top); }));
}

class Softmax : public EveryIsa {};

TEST_P(Softmax, EveryLengthAndSpread) {
  for (int64_t n : row_lengths())
    for (float spread : {0.0f, 1.0f, 30.0f, 3000.0f}) {   // the last would overflow exp(x)
      SCOPED_TRACE(testing::Message() << n << " spread " << spread);
      Row x(n, rng_, spread);
      OutputRow y(n);
      std::copy(x.begin(), x.end(), y.get());
      const double want = log_sum_exp_f64(x, 1);
      expect_close(softmax(y.get(), n), want, 1e-6, 1e-6);
      double total = 0;
      for (int64_t i = 0; i < n; ++i) {
        // x - max is exact to 2^-24 of their size, and exp turns that into a relative error.
        expect_close(y[i], std::exp(x[i] - want), 2e-6 + spread * 1e-6, 1e-30);
        total += y[i];
      }
      EXPECT_NEAR(total, 1, 2e-6);
    }
}

TEST_P(Softmax, ALongRowKeepsItsDigits) {
  Row x(300'000, rng_, 2);
  const double want = log_sum_exp_f64(x, 1);
  expect_close(log_sum_exp(x.get(), 1, x.size()), want, 2e-7, 2e-6);
  expect_close(softmax(x.get(), x.size()), want, 2e-7, 2e-6);
  EXPECT_NEAR(x.sum_of([](double v) { return v; }), 1, 2e-6);
}

TEST_P(Softmax, MaskedEntriesGetZero) {
  std::vector<float> x(21, -INFINITY);
  x[4] = 3;
  x[20] = 3;
  EXPECT_NEAR(softmax(x.data(), 21), 3 + std::log(2.0), 1e-6);
  for (int i = 0; i < 21; ++i) EXPECT_NEAR(x[i], i == 4 || i == 20 ? 0.5 : 0.0, 1e-7);
  EXPECT_EQ(x[0], 0);
  std::vector<float> none(19, -INFINITY);
  EXPECT_EQ(softmax(none.data(), 19), -INFINITY);
  for (float p : none) EXPECT_EQ(p, 0);
}

TEST_P(Softmax, NanIsNotHidden) {
  std::vector<float> x(40, 1.0f);
  x[33] = NAN;
  EXPECT_TRUE(std::isnan(log_sum_exp(x.data(), 1, 40)));
  EXPECT_TRUE(std::isnan(softmax(x.data(), 40)));
  EXPECT_TRUE(std::isnan(x[0]));
}

TEST_P(Softmax, LogSumExpScales) {
  for (int64_t n : row_lengths())
    for (float s : {0.1f, 1.0f, 7.0f, -2.0f}) {
      SCOPED_TRACE(testing::Message() << n << " scale " << s);
      Row x(n, rng_, 5);
      expect_close(log_sum_exp(x.get(), s, n), log_sum_exp_f64(x, s), 1e-6, 1e-6);
    }
}

TEST_P(Softmax, MaxAndArgmax) {
  for (int64_t n : row_lengths())
    for (int64_t at = 0; at < n; at += 1 + n / 40) {
      Row x(n, rng_);
      x[at] = 100;
      if (at + 1 < n) x[n - 1] = 100;   // a tie: the lower index wins
      ASSERT_EQ(argmax(x.get(), n), at);
      ASSERT_EQ(max(x.get(), n), 100);
    }
}

TEST_P(Softmax, NanNeverWins) {
  for (int64_t n : row_lengths()) {
    std::vector<float> x(n, NAN);
    EXPECT_EQ(argmax(x.data(), n), 0);
    EXPECT_EQ(max(x.data(), n), -INFINITY);
    x[n - 1] = -1e30f;
    EXPECT_EQ(argmax(x.data(), n), n - 1);
    EXPECT_EQ(max(x.data(), n), -1e30f);
    x[n - 1] = -INFINITY;
    EXPECT_EQ(argmax(x.data(), n), n - 1);
    x[n / 2] = 7;
    EXPECT_EQ(argmax(x.data(), n), n / 2);
    EXPECT_EQ(max(x.data(), n), 7);
  }
}

TEST_P(Softmax, EmptyRow) {
  EXPECT_EQ(max(nullptr, 0), -INFINITY);
  EXPECT_EQ(argmax(nullptr, 0), 0);
  EXPECT_EQ(log_sum_exp(nullptr, 1, 0), -INFINITY);
  EXPECT_EQ(softmax(nullptr, 0), -INFINITY);
}

STRATA_EVERY_ISA(Softmax);

}  // namespace
}  // namespace strata::kernel
