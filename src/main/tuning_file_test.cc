#include "main/tuning_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace strata {
namespace {

class TuningFileTest : public testing::Test {
 protected:
  TuningFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "strata_tuning_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/cache/tuning.json";
  }
  ~TuningFileTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) {
    std::filesystem::create_directories(folder_ + "/cache");
    std::ofstream(path_) << text;
  }
  std::string folder_, path_;
};

TEST_F(TuningFileTest, EachMachineHasItsOwn) {
  EXPECT_FALSE(load_tuning(path_, "a"));
  const Tuning a{.spin_us = 50}, b{.few_tokens = 24};
  save_tuning(path_, "a", a);
  save_tuning(path_, "b", b);
  EXPECT_EQ(load_tuning(path_, "a"), a);
  EXPECT_EQ(load_tuning(path_, "b"), b);
  EXPECT_FALSE(load_tuning(path_, "c"));
  EXPECT_FALSE(load_tuning("", "a"));
}

TEST_F(TuningFileTest, WhatIsWrongCountsAsNone) {
  for (const char* text :
       {"", "[]", "{", "{\"a\": {\"spin_us\": -1}}", "{\"a\": {\"spin_us\": \"x\"}}",
        "{\"a\": {\"private_rows\": 100000000000}}", "{\"b\": {}}"}) {
    write(text);
    EXPECT_FALSE(load_tuning(path_, "a")) << text;
  }
  write("{\"a\": {\"unknown\": 3, \"spin_us\": 70}}");
  EXPECT_EQ(load_tuning(path_, "a"), Tuning{.spin_us = 70});
  write("not json");
  save_tuning(path_, "a", {});
  EXPECT_EQ(load_tuning(path_, "a"), Tuning{});
}

TEST_F(TuningFileTest, AFolderThatCannotBeWrittenIsNamed) {
  write("{}");
  EXPECT_THROW(save_tuning(path_ + "/below/tuning.json", "a", {}), Error);
}

}  // namespace
}  // namespace strata
