#include "model/format/value.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace strata::model {
namespace {

Metadata sample() {
  Metadata m;
  m.values["u"] = {uint64_t{7}};
  m.values["i"] = {int64_t{-7}};
  m.values["d"] = {7.0};
  m.values["half"] = {0.5};
  m.values["huge"] = {1e300};
  m.values["b"] = {true};
  m.values["s"] = {std::string("text")};
  m.values["strings"] = {Value::Strings{"a", "b"}};
  m.values["floats"] = {Value::Floats{1, 2.5}};
  m.values["whole"] = {Value::Floats{1, 2}};
  m.values["ints"] = {Value::Ints{1, -2}};
  m.values["none"] = {Value::Ints{}};
  return m;
}

TEST(Metadata, ConvertsBetweenNumbersWithoutLoss) {
  const Metadata m = sample();
  EXPECT_EQ(m.integer("u"), 7);
  EXPECT_EQ(m.integer("i"), -7);
  EXPECT_EQ(m.integer("d"), 7);
  EXPECT_EQ(m.integer("b"), 1);
  EXPECT_EQ(m.real("u"), 7.0);
  EXPECT_EQ(m.real("i"), -7.0);
  EXPECT_EQ(m.boolean("b"), true);
  EXPECT_EQ(m.integers("u"), Value::Ints{7});
  EXPECT_EQ(m.integers("whole"), (Value::Ints{1, 2}));
  EXPECT_EQ(m.reals("half"), Value::Floats{0.5});
  EXPECT_EQ(m.reals("ints"), (Value::Floats{1, -2}));
}

TEST(Metadata, AbsentIsNoError) {
  const Metadata m = sample();
  EXPECT_FALSE(m.integer("x"));
  EXPECT_FALSE(m.real("x"));
  EXPECT_FALSE(m.boolean("x"));
  EXPECT_FALSE(m.text("x"));
  EXPECT_FALSE(m.strings("x"));
  EXPECT_FALSE(m.reals("x"));
  EXPECT_FALSE(m.integers("x"));
  EXPECT_TRUE(m.strings("none")->empty()) << "an empty array has no kind";
}

TEST(Metadata, AnotherKindNamesTheKey) {
  const Metadata m = sample();
  auto expect_named = [](const char* key, auto&& ask) {
    try {
      ask();
      ADD_FAILURE() << key;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::data_loss);
      EXPECT_NE(std::string(e.what()).find("'" + std::string(key) + "'"), std::string::npos);
    }
  };
  expect_named("half", [&] { m.integer("half"); });
  expect_named("huge", [&] { m.integer("huge"); });
  expect_named("s", [&] { m.integer("s"); });
  expect_named("u", [&] { m.boolean("u"); });
  expect_named("u", [&] { m.text("u"); });
  expect_named("s", [&] { m.strings("s"); });
  expect_named("ints", [&] { m.real("ints"); });
  expect_named("floats", [&] { m.integers("floats"); });
  expect_named("strings", [&] { m.reals("strings"); });
}

}  // namespace
}  // namespace strata::model
