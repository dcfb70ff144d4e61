#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernel/level.h"

namespace strata::kernel {
namespace {

bool has(Isa level) {
  const auto& all = isa_available();
  return std::find(all.begin(), all.end(), level) != all.end();
}

TEST(Isa, LevelsAscendFromScalar) {
  const auto& all = isa_available();
  EXPECT_EQ(all.front(), Isa::scalar);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_FALSE(has(Isa::avx2) && has(Isa::neon));
  if (has(Isa::avx512_bf16)) {
    EXPECT_TRUE(has(Isa::avx512_vnni));
  }
}

TEST(Isa, EveryAvailableLevelCanBeChosenByName) {
  const Isa before = isa_level();
  for (Isa level : isa_available()) {
    EXPECT_EQ(isa_from_name(isa_name(level)), level);
    isa_override(level);
    EXPECT_EQ(isa_level(), level);
  }
  isa_override(before);
}

TEST(Isa, AMissingLevelIsRefusedWithTheList) {
  for (const std::string wrong : {"sse9", "AVX2", "", has(Isa::avx2) ? "neon" : "avx2"}) {
    try {
      isa_from_name(wrong);
      ADD_FAILURE() << "accepted '" << wrong << "'";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument);
      const std::string message = e.what();
      EXPECT_NE(message.find("'" + wrong + "'"), std::string::npos) << message;
      for (Isa level : isa_available())
        EXPECT_NE(message.find(isa_name(level)), std::string::npos) << message;
    }
  }
  EXPECT_THROW(isa_override(has(Isa::avx2) ? Isa::neon_dot : Isa::avx512), Error);
}

}  // namespace
}  // namespace strata::kernel
