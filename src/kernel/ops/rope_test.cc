#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

class Rope : public EveryIsa {
 protected:
  /// Cosines and sines of position * base^(-2i / d_rope), as floats.
  void angles(int position, int d_rope, std::vector<float>& cos, std::vector<float>& sin) {
    cos.resize(d_rope / 2);
    sin.resize(d_rope / 2);
    for (int i = 0; i < d_rope / 2; ++i) {
      const double angle = position * std::pow(10000.0, -2.0 * i / d_rope);
      cos[i] = float(std::cos(angle));
      sin[i] = float(std::sin(angle));
    }
  }
};

TEST_P(Rope, RotatesPairs) {
  for (int d_rope : {2, 6, 16, 20, 32, 48, 64, 80, 128, 256})
    for (int pass : {0, 3, 16})   // floats of a head behind d_rope: left alone
      for (bool interleaved : {false, true}) {
        SCOPED_TRACE(testing::Message() << d_rope << "+" << pass << " " << interleaved);
        const int d_head = d_rope + pass, n_head = 3;
        std::vector<float> cos, sin;
        angles(1234, d_rope, cos, sin);
        Row x(n_head * d_head, rng_);
        OutputRow y(n_head * d_head);
        std::copy(x.begin(), x.end(), y.get());
        rope(y.get(), n_head, d_head, d_rope, cos.data(), sin.data(), interleaved);
        for (int h = 0; h < n_head; ++h) {
          for (int i = 0; i < d_rope / 2; ++i) {
            const int a = h * d_head + (interleaved ? 2 * i : i);
            const int b = interleaved ? a + 1 : a + d_rope / 2;
            expect_close(y[a], double(x[a]) * cos[i] - double(x[b]) * sin[i], 1e-7, 4e-7);
            expect_close(y[b], double(x[b]) * cos[i] + double(x[a]) * sin[i], 1e-7, 4e-7);
          }
          for (int i = d_rope; i < d_head; ++i) ASSERT_EQ(y[h * d_head + i], x[h * d_head + i]);
        }
      }
}

TEST_P(Rope, DotProductDependsOnTheDistanceAlone) {
  const int d = 64;
  for (bool interleaved : {false, true}) {
    Row q(d, rng_), k(d, rng_);
    auto dot = [&](int at_q, int at_k) {
      std::vector<float> cos, sin;
      Row a = q, b = k;
      angles(at_q, d, cos, sin);
      rope(a.get(), 1, d, d, cos.data(), sin.data(), interleaved);
      angles(at_k, d, cos, sin);
      rope(b.get(), 1, d, d, cos.data(), sin.data(), interleaved);
      double sum = 0;
      for (int i = 0; i < d; ++i) sum += double(a[i]) * b[i];
      return sum;
    };
    EXPECT_NEAR(dot(17, 5), dot(4017, 4005), 3e-5);
    EXPECT_NEAR(dot(3, 3), dot(0, 0), 3e-5);
    EXPECT_GT(std::abs(dot(17, 5) - dot(17, 6)), 1e-2);
  }
}

STRATA_EVERY_ISA(Rope);

}  // namespace
}  // namespace strata::kernel
