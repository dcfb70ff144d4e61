// Fixture for tests that run once for every instruction set this machine has.
#pragma once
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "kernel/level.h"

namespace strata::kernel {

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { isa_override(GetParam()); }
  void TearDown() override { isa_override(before_); }
  std::mt19937 rng_{1234};

 private:
  Isa before_ = isa_level();
};

#define STRATA_EVERY_ISA(Suite)                                                             \
  INSTANTIATE_TEST_SUITE_P(Isa, Suite, testing::ValuesIn(strata::kernel::isa_available()),  \
                           [](const auto& info) {                                           \
                             return std::string(strata::kernel::isa_name(info.param));          \
                           })

}  // namespace strata::kernel
