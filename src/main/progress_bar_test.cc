#include "main/progress_bar.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(SizeText, ThreeDigitsAndDecimalUnits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1000), "1.00 kB");
  EXPECT_EQ(size_text(98'362'432), "98.4 MB");
  EXPECT_EQ(size_text(999'600), "1.00 MB");
  EXPECT_EQ(size_text(1'230'000'000), "1.23 GB");
  EXPECT_EQ(size_text(INT64_MAX), "9.22 EB");
}

}  // namespace
}  // namespace strata
