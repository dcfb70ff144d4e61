#include <algorithm>

#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

class ClampTest : public EveryIsa {};

TEST_P(ClampTest, IsStdClamp) {
  for (int64_t n : row_lengths()) {
    Row x(n, rng_, 2);
    OutputRow out(n);
    clamp(x.get(), 1.5f, n, out.get());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(out[i], std::clamp(x[i], -1.5f, 1.5f));
  }
}

TEST_P(ClampTest, NanStaysNan) {
  std::vector<float> x = {NAN, INFINITY, -INFINITY}, y(3);
  clamp(x.data(), 2, 3, y.data());
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 2);
  EXPECT_EQ(y[2], -2);
}

STRATA_EVERY_ISA(ClampTest);

}  // namespace
}  // namespace strata::kernel
