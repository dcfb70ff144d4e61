#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

// An n-long f32 sum over 16 or more lanes: its error stays far below n / 16 roundings.
double sum_bound(int64_t n) { return (8 + n / 16.0) * 0x1p-24; }

class Norm : public EveryIsa {};

TEST_P(Norm, RmsNorm) {
  for (int64_t n : row_lengths()) {
    SCOPED_TRACE(n);
    Row x(n, rng_, 3), gain(n, rng_);
    for (float offset : {0.0f, 1.0f})
      for (const float* g : {static_cast<float*>(nullptr), gain.get()}) {
        OutputRow out(n);
        rms_norm(x.get(), g, 1e-5f, offset, n, out.get());
        const double rms = std::sqrt(x.sum_of([](double v) { return v * v; }) / n + 1e-5f);
        for (int64_t i = 0; i < n; ++i)
          expect_close(out[i], x[i] / rms * (g ? double(g[i]) + offset : 1), sum_bound(n), 1e-6);
      }
  }
}

TEST_P(Norm, LayerNorm) {
  for (int64_t n : row_lengths()) {
    SCOPED_TRACE(n);
    // A mean of 100 standard deviations: E[x^2] - E[x]^2 would lose most digits.
    Row x(n, rng_), gain(n, rng_), bias(n, rng_);
    for (float& v : x) v += 100;
    const double mean = x.sum_of([](double v) { return v; }) / n;
    const double variance = x.sum_of([&](double v) { return (v - mean) * (v - mean); }) / n;
    for (bool affine : {false, true}) {
      OutputRow out(n);
      layer_norm(x.get(), affine ? gain.get() : nullptr, affine ? bias.get() : nullptr, 1e-5f, n,
                 out.get());
      for (int64_t i = 0; i < n; ++i) {
        const double y = (x[i] - mean) / std::sqrt(variance + 1e-5f);
        // The mean is rounded to f32 at 100: 2^-18, seen at scale 1 / deviation.
        const double absolute = n == 1 ? 2e-3 : 2e-5 + 0x1p-17 / std::sqrt(variance + 1e-5f);
        expect_close(out[i], affine ? y * gain[i] + bias[i] : y, sum_bound(n), 4 * absolute);
      }
    }
  }
}

TEST_P(Norm, OutMayBeTheInput) {
  Row x(100, rng_), gain(100, rng_);
  OutputRow apart(100);
  rms_norm(x.get(), gain.get(), 1e-6f, 0, 100, apart.get());
  Row same = x;
  rms_norm(same.get(), gain.get(), 1e-6f, 0, 100, same.get());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(same[i], apart[i]);
  layer_norm(x.get(), gain.get(), nullptr, 1e-6f, 100, apart.get());
  layer_norm(x.get(), gain.get(), nullptr, 1e-6f, 100, x.get());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(x[i], apart[i]);
}

TEST_P(Norm, ZerosStayZeros) {
  std::vector<float> x(40, 0.0f);
  OutputRow out(40);
  rms_norm(x.data(), nullptr, 1e-6f, 0, 40, out.get());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(out[i], 0);
  layer_norm(x.data(), nullptr, nullptr, 1e-6f, 40, out.get());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(out[i], 0);
}

STRATA_EVERY_ISA(Norm);

}  // namespace
}  // namespace strata::kernel
