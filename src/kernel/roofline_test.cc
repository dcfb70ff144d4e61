#include "kernel/roofline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernel/every_isa_test.h"

namespace strata::kernel {
namespace {

class RooflineTest : public EveryIsa {};
STRATA_EVERY_ISA(RooflineTest);

TEST_P(RooflineTest, EveryRateIsMeasuredAndSorted) {
  ThreadPool pool({.threads = 2});
  const Roofline r = measure_roofline(pool, 2, size_t{4} << 20);
  EXPECT_EQ(r.threads, 2);
  for (const Rate* rate : {&r.read_gb_s, &r.int8_gop_s, &r.bf16_gflop_s, &r.f32_gflop_s}) {
    ASSERT_EQ(rate->samples.size(), 2u);
    EXPECT_TRUE(std::is_sorted(rate->samples.begin(), rate->samples.end()));
    EXPECT_TRUE(std::isfinite(rate->max()));
    EXPECT_GT(rate->min(), 0);
  }
}

}  // namespace
}  // namespace strata::kernel
