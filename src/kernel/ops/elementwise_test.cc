#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

class Elementwise : public EveryIsa {};

TEST_P(Elementwise, AddAndScaleAreExactlyTheF32Operation) {
  for (int64_t n : row_lengths()) {
    Row a(n, rng_), b(n, rng_);
    OutputRow sum(n), scaled(n);
    add(a.get(), b.get(), n, sum.get());
    scale(a.get(), 0.3f, n, scaled.get());
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(sum[i], a[i] + b[i]);
      ASSERT_EQ(scaled[i], a[i] * 0.3f);
    }
  }
}

TEST_P(Elementwise, Softcap) {
  for (int64_t n : row_lengths()) {
    Row x(n, rng_, 40);
    OutputRow out(n);
    softcap(x.get(), 30, n, out.get());
    for (int64_t i = 0; i < n; ++i) expect_close(out[i], 30 * std::tanh(x[i] / 30.0), 1e-6, 1e-6);
  }
}

TEST_P(Elementwise, SoftcapOfExtremes) {
  const float inf = INFINITY;
  std::vector<float> x = {inf, -inf, 1e30f, -1e30f, 0.0f, 1e-20f, NAN}, y(7);
  softcap(x.data(), 50, 7, y.data());
  EXPECT_EQ(y[0], 50);
  EXPECT_EQ(y[1], -50);
  EXPECT_EQ(y[2], 50);
  EXPECT_EQ(y[3], -50);
  EXPECT_EQ(y[4], 0);
  EXPECT_NEAR(y[5], 1e-20f, 1e-26f);
  EXPECT_TRUE(std::isnan(y[6]));
}

TEST_P(Elementwise, OutMayBeAnInput) {
  Row a(37, rng_), b(37, rng_);
  OutputRow sum(37);
  add(a.get(), b.get(), 37, sum.get());
  add(a.get(), b.get(), 37, b.get());
  for (int i = 0; i < 37; ++i) EXPECT_EQ(b[i], sum[i]);
  add(a.get(), a.get(), 37, a.get());
}

STRATA_EVERY_ISA(Elementwise);

}  // namespace
}  // namespace strata::kernel
