#include "kernel/experts.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

class ExpertOps : public EveryIsa {};

TEST_P(ExpertOps, ClampedUnit) {
  const double alpha = 1.702, limit = 0.75;
  for (int64_t n : row_lengths()) {
    Row gate(n, rng_), up(n, rng_);
    OutputRow y(n);
    clamped_glu(gate.get(), up.get(), float(alpha), float(limit), n, y.get());
    for (int64_t i = 0; i < n; ++i) {
      const double g = std::min<double>(gate[i], limit);
      const double u = std::clamp<double>(up[i], -limit, limit);
      expect_close(y[i], g / (1 + std::exp(-alpha * g)) * (u + 1), 3e-6, 1e-6);
    }
  }
}

TEST_P(ExpertOps, ClampedUnitKeepsNan) {
  std::vector<float> x(37, 1.0f), bad(37, 1.0f), y(37);
  bad[3] = bad[36] = NAN;
  for (bool in_gate : {true, false}) {
    clamped_glu(in_gate ? bad.data() : x.data(), in_gate ? x.data() : bad.data(), 1, 7, 37,
                y.data());
    for (int i = 0; i < 37; ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(bad[i])) << i;
  }
}

TEST_P(ExpertOps, AddScaled) {
  for (int64_t n : row_lengths()) {
    Row x(n, rng_), before(n, rng_);
    OutputRow y(n);
    std::copy(before.begin(), before.end(), y.get());
    add_scaled(x.get(), 0.3f, n, y.get());
    for (int64_t i = 0; i < n; ++i)
      expect_close(y[i], before[i] + double{0.3f} * x[i], 1e-6, 1e-6);
  }
}

STRATA_EVERY_ISA(ExpertOps);

}  // namespace
}  // namespace strata::kernel
