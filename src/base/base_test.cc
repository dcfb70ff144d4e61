// Errors, checks, log, clock, registry, version.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/registry.h"
#include "base/version.h"

namespace strata {
namespace {

TEST(Error, CarriesCodeMessageAndMachineReadableParts) {
  try {
    fail(Code::not_found, "no file '{}' in {}", "x.gguf", 3);
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "no file 'x.gguf' in 3");
    EXPECT_EQ(e.code(), Code::not_found);
    EXPECT_TRUE(e.reason().empty());
  }
  const Error e(Code::invalid_argument, "too long", "context_length_exceeded", "messages");
  EXPECT_EQ(e.reason(), "context_length_exceeded");
  EXPECT_EQ(e.param(), "messages");
}

TEST(Error, CodesMapToExitAndHttpStatus) {
  struct Row {
    Code code;
    int exit, http;
  };
  for (const Row& row : {Row{Code::invalid_argument, 2, 400}, {Code::unauthenticated, 4, 401},
                         {Code::permission_denied, 4, 403}, {Code::not_found, 3, 404},
                         {Code::already_exists, 2, 409}, {Code::too_large, 2, 413},
                         {Code::resource_exhausted, 5, 429}, {Code::data_loss, 6, 500},
                         {Code::unimplemented, 7, 501}, {Code::unavailable, 8, 503},
                         {Code::cancelled, 130, 499}, {Code::internal, 1, 500}}) {
    EXPECT_EQ(exit_status(row.code), row.exit);
    EXPECT_EQ(http_status(row.code), row.http);
  }
}

TEST(Check, AbortsWithItsPlace) {
  STRATA_CHECK(1 + 1 == 2);
  EXPECT_DEATH(STRATA_CHECK(1 + 1 == 3), "base_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

TEST(Log, WritesOneLineAnEvent) {
  log::set_level(log::Level::info);
  testing::internal::CaptureStderr();
  log::debug("hidden");
  log::info("shown {}", 1);
  log::warn("forged\nline \x1b[31m");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("hidden"), std::string::npos);
  EXPECT_NE(out.find("info    shown 1\n"), std::string::npos) << out;
  EXPECT_NE(out.find("forged\\nline \\x1b[31m\n"), std::string::npos) << out;
}

TEST(Log, LevelFiltersAndOnceIsOnce) {
  log::set_level(log::Level::error);
  EXPECT_FALSE(log::enabled(log::Level::warn));
  EXPECT_TRUE(log::enabled(log::Level::error));
  log::set_level(log::Level::info);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) log::warn_once("only once, this text");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("only once"), out.rfind("only once"));
  EXPECT_NE(out.find("only once"), std::string::npos);
}

TEST(Clock, AgreesWithTheSystem) {
  const int64_t a = now_ns();
  const double s = now_s();
  const int64_t b = now_ns();
  EXPECT_LE(a, b);
  EXPECT_GE(s, static_cast<double>(a) * 1e-9 - 1e-6);
  EXPECT_LE(s, static_cast<double>(b) * 1e-9 + 1e-6);
  EXPECT_LE(std::abs(unix_time_s() - static_cast<int64_t>(std::time(nullptr))), 1);
}

struct Entry {
  std::string_view name;
  int value;
};
const Registry<Entry> first{{"first", 1}};
const Registry<Entry> second{{"second", 2}};

TEST(Registry, FindsEveryEntryByName) {
  EXPECT_EQ(Registry<Entry>::count(), 2);
  ASSERT_NE(Registry<Entry>::find("second"), nullptr);
  EXPECT_EQ(Registry<Entry>::find("second")->value, 2);
  EXPECT_EQ(Registry<Entry>::find("third"), nullptr);
  int sum = 0;
  Registry<Entry>::each([&](const Entry& e) { sum += e.value; });
  EXPECT_EQ(sum, 3);
  EXPECT_DEATH(Registry<Entry>(Entry{"first", 3}), "registered twice");
}

TEST(Version, IsKnown) {
  EXPECT_EQ(std::count(version().begin(), version().end(), '.'), 2);
  EXPECT_FALSE(commit().empty());
}

}  // namespace
}  // namespace strata
