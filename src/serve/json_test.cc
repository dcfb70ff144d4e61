#include "serve/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace strata::serve {
namespace {

std::string message_of(const std::string& text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument);
    return e.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(Json, ReadsWhatNlohmannReads) {
  for (const char* text :
       {"{}", "[]", "0", "-1", "1.5e3", "\"a\\u00e9\\n\"", "null", "true",
        R"({"b":[1,{"a":[]},"x"],"a":{"c":null},"n":18446744073709551615})"})
    EXPECT_EQ(parse_json(text), Json::parse(text)) << text;
  EXPECT_EQ(to_text(parse_json(R"({"z":1,"a":2})")), R"({"z":1,"a":2})");   // keeps the order
}

TEST(Json, LastOfEqualNamesCounts) {
  EXPECT_EQ(to_text(parse_json(R"({"a":1,"b":2,"a":{"c":3}})")), R"({"a":{"c":3},"b":2})");
  std::string many = "{";
  for (int i = 0; i < 100; ++i)
    many += "\"k" + std::to_string(i % 50) + "\":" + std::to_string(i) + ",";
  many.back() = '}';
  const Json json = parse_json(many);
  EXPECT_EQ(json.size(), 50u);
  EXPECT_EQ(json["k3"], 53);
  EXPECT_EQ(json["k49"], 99);
}

TEST(Json, ErrorsGiveThePosition) {
  EXPECT_NE(message_of("{\"a\":}").find("byte 6"), std::string::npos);
  for (const char* text : {"", "{", "[1,]", "nul", "\"\xff\"", "1e999", "{\"a\" 1}", "[] []", "'a'",
                           "{a:1}", "\"\\ud800\"", "01", "NaN"})
    EXPECT_NE(message_of(text).find("malformed JSON at byte"), std::string::npos) << text;
}

TEST(Json, LimitsDepthAndValues) {
  const std::string deep = std::string(101, '[') + std::string(101, ']');
  EXPECT_NE(message_of(deep).find("100"), std::string::npos);
  EXPECT_NO_THROW(parse_json(deep.substr(1, 200)));
  EXPECT_NE(message_of("[1,2,3]", {.values = 3}).find("3 values"), std::string::npos);
  EXPECT_NO_THROW(parse_json("[1,2]", {.values = 3}));
  message_of(std::string(1'000'000, '['));
}

TEST(Json, ManyMembersStayLinear) {
  // Quadratic, this would take minutes.
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  text.back() = '}';
  EXPECT_EQ(parse_json(text).size(), 300'000u);
}

TEST(Json, WritesAnyBytes) {
  EXPECT_EQ(json_string("a\"\n\xff"), "\"a\\\"\\n\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace strata::serve
