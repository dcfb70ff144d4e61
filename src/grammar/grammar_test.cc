// Grammars followed at random: what the masks allow matches, and what matches is allowed.
#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "base/error.h"
#include "grammar/compiler.h"
#include "grammar/json_schema.h"
#include "grammar/lark.h"
#include "grammar/structural_tag.h"
#include "grammar/testing/word_tokenizer.h"
#include "grammar/thinking.h"

namespace strata::grammar {
namespace {

using testing::WordTokenizer;

class Grammars : public ::testing::Test {
 protected:
  /// Random walks through the masks; only those that end count.
  std::vector<std::string> texts(const engine::Constraint& start, int n, int most = 400) {
    std::vector<std::string> out;
    std::vector<uint32_t> words(size_t(tokenizer.size() + 31) / 32);
    for (int i = 0; i < n; ++i) {
      auto c = start.clone();
      std::string text;
      for (int step = 0; step < most; ++step) {
        if (c->finished()) break;
        std::vector<engine::Token> forced, allowed;
        EXPECT_TRUE(c->mask(words));
        for (engine::Token t = 0; t < tokenizer.size(); ++t)
          if (words[size_t(t) / 32] >> (t % 32) & 1) allowed.push_back(t);
        EXPECT_FALSE(allowed.empty()) << c->error();
        if (allowed.empty()) break;
        c->forced(forced);
        if (!forced.empty()) {
          EXPECT_EQ(allowed, std::vector<engine::Token>{forced[0]});
        }
        const bool may_end =
            words[size_t(WordTokenizer::kEnd) / 32] >> (WordTokenizer::kEnd % 32) & 1;
        if (may_end && random() % 4 == 0) {
          c->accept(WordTokenizer::kEnd);
          EXPECT_TRUE(c->finished());
          break;
        }
        const engine::Token t = allowed[random() % allowed.size()];
        if (t == WordTokenizer::kEnd) {
          c->accept(t);
          break;
        }
        text += tokenizer.bytes(t, false);
        c->accept(t);
      }
      if (c->finished()) out.push_back(text);
    }
    return out;
  }

  bool accepts(const engine::Constraint& start, std::string_view text) {
    auto c = start.clone();
    std::vector<uint32_t> words(size_t(tokenizer.size() + 31) / 32);
    auto allowed = [&](engine::Token t) {
      return c->mask(words) && (words[size_t(t) / 32] >> (t % 32) & 1);
    };
    for (const engine::Token t : tokenizer.encode(text, {.add_special = false})) {
      if (!allowed(t)) return false;
      c->accept(t);
    }
    return c->finished() || allowed(WordTokenizer::kEnd);
  }

  std::string refusal(const Source& source) {
    try {
      compiler.compile(source);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument);
      return e.what();
    }
    return {};
  }

  WordTokenizer tokenizer;
  Compiler compiler{tokenizer};
  std::mt19937 random{7};
};

TEST_F(Grammars, RegexMatchesWhole) {
  const auto c = compiler.compile(regex_source("^(ab|cd){2,4}x*[0-9]{1,3}$"));
  const auto all = texts(*c, 200);
  EXPECT_GT(all.size(), 150u);
  const std::regex pattern("(ab|cd){2,4}x*[0-9]{1,3}");
  for (const std::string& text : all) EXPECT_TRUE(std::regex_match(text, pattern)) << text;
  EXPECT_TRUE(accepts(*c, "abcd7"));
  EXPECT_FALSE(accepts(*c, "ab7"));
}

TEST_F(Grammars, ChoiceIsOneOfThem) {
  const std::vector<std::string> choices = {"yes", "yes and no", "no", "\"quoted\"\n", "né"};
  const auto c = compiler.compile(choice_source(choices));
  for (const std::string& choice : choices) EXPECT_TRUE(accepts(*c, choice)) << choice;
  for (const char* other : {"", "ye", "yes and", "maybe"})
    EXPECT_FALSE(accepts(*c, other)) << other;
  for (const std::string& text : texts(*c, 100))
    EXPECT_NE(std::find(choices.begin(), choices.end(), text), choices.end()) << text;
}

TEST_F(Grammars, JsonIsWellFormed) {
  const Json schema = Json::parse(R"({"type": "object", "properties": {
      "name": {"type": "string", "maxLength": 12},
      "n": {"type": "integer", "minimum": 3, "maximum": 12},
      "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3}},
      "required": ["name", "n"], "additionalProperties": false})");
  const auto c = compiler.compile(json_source(schema));
  const auto all = texts(*c, 200);
  EXPECT_GT(all.size(), 100u);
  for (const std::string& text : all) {
    const Json value = Json::parse(text, nullptr, false);
    ASSERT_TRUE(value.is_object()) << text;
    EXPECT_GE(value["n"].get<int>(), 3);
    EXPECT_LE(value["n"].get<int>(), 12);
    EXPECT_TRUE(value["name"].is_string());
  }
}

TEST_F(Grammars, WhitespaceHasABound) {
  const auto c = compiler.compile(json_object_source());
  EXPECT_TRUE(accepts(*c, "{\n  \"a\": 1\n}"));
  EXPECT_FALSE(accepts(*c, "{" + std::string(30, '\n') + "}"));
  const auto compact = compiler.compile(json_object_source({.compact = true, .whitespace = {}}));
  EXPECT_TRUE(accepts(*compact, "{\"a\":1}"));
  EXPECT_FALSE(accepts(*compact, "{\"a\": 1}"));
}

TEST_F(Grammars, WhatCannotBeEnforcedIsNamed) {
  for (const char* keyword : {"not", "if", "contains", "uniqueItems", "propertyNames",
                              "dependentRequired", "dependentSchemas", "unevaluatedProperties"}) {
    const Json schema = {{"type", "object"}, {"properties", {{"x", {{keyword, Json::object()}}}}}};
    EXPECT_NE(refusal(json_source(schema)).find(keyword), std::string::npos) << keyword;
  }
  EXPECT_NE(
      refusal(json_source(Json::parse(R"({"type": "string", "format": "phone"})"))).find("phone"),
      std::string::npos);
  EXPECT_NE(refusal(json_source(Json::parse(R"x({"type": "string", "pattern": "a(?=b)"})x"))), "");
  EXPECT_NE(
      refusal(json_source(Json::parse(R"({"oneOf": [{"type": "string"}, {"type": "string"}]})")))
          .find("oneOf"),
      std::string::npos);
  EXPECT_NE(refusal(json_source(Json::parse(R"({"$ref": "#/nowhere"})"))), "");
  EXPECT_NE(refusal(json_source(Json::parse(R"({"type": "integer", "minimum": 4, "maximum": 3})"))),
            "");
  EXPECT_NE(refusal(regex_source("(unclosed")), "");
  EXPECT_NE(refusal(grammar_source("start: nothing")), "");
  EXPECT_THROW(json_source(Json::parse(R"({"x-guidance": {"lenient": true}})")), Error);
  EXPECT_THROW(json_source(Json(false)), Error);
}

TEST_F(Grammars, OptionsOfOneOfMayBeReferences) {
  const Json schema = Json::parse(R"({"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}],
      "$defs": {"cat": {"type": "object", "properties": {"kind": {"const": "cat"}},
                        "required": ["kind"],
                        "additionalProperties": false},
                "dog": {"type": "object", "properties": {"kind": {"const": "dog"}},
                        "required": ["kind"],
                        "additionalProperties": false}}})");
  const auto c = compiler.compile(json_source(schema));
  EXPECT_TRUE(accepts(*c, "{\"kind\": \"cat\"}"));
  EXPECT_TRUE(accepts(*c, "{\"kind\":\"dog\"}"));
  EXPECT_FALSE(accepts(*c, "{\"kind\":\"cow\"}"));
}

TEST_F(Grammars, RecursionInReferences) {
  const Json schema = Json::parse(R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object",
      "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
      "required": ["next"], "additionalProperties": false}}})");
  const auto c = compiler.compile(json_source(schema));
  EXPECT_TRUE(accepts(*c, R"({"next":{"next":null}})"));
  EXPECT_FALSE(accepts(*c, R"({"next":{"next":1}})"));
}

TEST_F(Grammars, GbnfOfRecursiveRules) {
  const auto c = compiler.compile(grammar_source(R"x(
# arithmetic
root  ::= expr "\n"?
expr  ::= term ( [-+] term )*   # left to right
term  ::= num
        | "(" ws expr ")" ws
num   ::= [0-9]{1,3} ws
ws    ::= [ \t]*
)x"));
  for (const char* good : {"1+2", "12 +(3-4)\n", "((7))", "( 1)+2"})
    EXPECT_TRUE(accepts(*c, good)) << good;
  for (const char* bad : {"", "1+", "(1", "1234", "a"}) EXPECT_FALSE(accepts(*c, bad)) << bad;
}

TEST_F(Grammars, GbnfOfClassesAndEscapes) {
  const auto c = compiler.compile(grammar_source(
      "root ::= [^\\\"\\\\\\n] \"\\x41\\u00e9\" [\\u4e00-\\u9fff]+ (\"/\" | \"\\\"\")? . \"\""));
  EXPECT_TRUE(accepts(*c, "qAé中文/z"));
  EXPECT_TRUE(accepts(*c, "qAé中\"z"));
  EXPECT_FALSE(accepts(*c, "\"Aé中z"));
}

TEST_F(Grammars, GbnfErrorsSayWhere) {
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"root ::= \"a\"\nx ::= [z-a]", "line 2"},
           {"root ::= undefined", "undefined"},
           {"start ::= \"a\"", "root"},
           {"root ::= \"a", "line 1"},
           {"root ::= (\"a\"", "')'"},
           {"root ::= \"a\"{3,2}", "below"},
           {"root ::= \"a\"{99999}", "2000"},
           {"root ::= " + std::string(100, '('), "groups"}}) {
    EXPECT_NE(refusal([&] {
                try {
                  return grammar_source(text);
                } catch (const Error& e) {
                  EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
                  return Source{Kind::lark, "start: nothing"};
                }
              }()),
              "")
        << text;
  }
}

TEST_F(Grammars, HostileGrammarsEnd) {
  std::string chain, deep = "start: " + std::string(100000, '(');
  for (int i = 0; i < 2000; ++i) chain += fmt::format("A{}: A{} \"x\"\n", i, i + 1);
  refusal({Kind::lark, "start: A0\n" + chain + "A2000: \"y\""});
  EXPECT_NE(refusal({Kind::lark, deep}), "");
  Json nested = {{"type", "integer"}};
  for (int i = 0; i < 90; ++i) nested = {{"type", "array"}, {"items", nested}};
  EXPECT_EQ(refusal(json_source(nested)), "");
  Json chained = {{"$ref", "#/$defs/d0"}};
  for (int i = 0; i < 1000; ++i)
    chained["$defs"]["d" + std::to_string(i)] = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
  chained["$defs"]["d1000"] = {{"type", "null"}};
  EXPECT_EQ(refusal(json_source(chained)), "");
  EXPECT_NE(refusal({Kind::regex, std::string(kGrammarMax + 1, 'a')}), "");
}

TEST_F(Grammars, TagsWithinFreeText) {
  const Json tag = Json::parse(R"({"type": "structural_tag",
      "structures": [{"begin": "<f=add>", "schema": {"type": "object", "properties":
                      {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false},
                      "end": "</f>"}],
      "triggers": ["<f="]})");
  const auto c = compiler.compile(structural_tag_source(tag, tokenizer, {}));
  EXPECT_TRUE(accepts(*c, "hello"));
  EXPECT_TRUE(accepts(*c, "let me add <f=add>{\"a\": 1}</f> and <f=add>{\"a\":2}</f>."));
  EXPECT_FALSE(accepts(*c, "<f=add>{\"a\": x}</f>"));
  EXPECT_FALSE(accepts(*c, "<f=sub>{\"a\": 1}</f>"));
  EXPECT_FALSE(accepts(*c, "<f=add>{\"a\": 1}"));
}

TEST_F(Grammars, FormatsOfStructuralTags) {
  const Json tag = Json::parse(R"({"format": {"type": "sequence", "elements": [
      {"type": "const_string", "value": "A:"},
      {"type": "or", "elements": [{"type": "regex", "pattern": "[0-9]+"},
                                  {"type": "json_schema", "json_schema": {"type": "boolean"}}]},
      {"type": "tag", "begin": "<q>", "content": {"type": "any_text"}, "end": "</q>"}]}})");
  const auto c = compiler.compile(structural_tag_source(tag, tokenizer, {}));
  EXPECT_TRUE(accepts(*c, "A:12<q>what?</q>"));
  EXPECT_TRUE(accepts(*c, "A:true<q></q>"));
  EXPECT_FALSE(accepts(*c, "A:<q>x</q>"));
  EXPECT_FALSE(accepts(*c, "A:12<q>x</q>y"));
  EXPECT_THROW(
      structural_tag_source(Json::parse(R"({"format": {"type": "magic"}})"), tokenizer, {}), Error);
}

TEST_F(Grammars, TheAnswerWaitsForTheReasoning) {
  const auto answer = compiler.compile(choice_source({"yes", "no"}));
  const auto c =
      make_thinking({.begin = "<think>", .end = "</think>", .inside = true}, answer, tokenizer);
  EXPECT_TRUE(accepts(*c, "hm, let me see</think>yes"));
  EXPECT_FALSE(accepts(*c, "hm, let me see</think>maybe"));
  EXPECT_FALSE(accepts(*c, "hm, let me see"));
  const auto optional = make_thinking({.begin = "<think>", .end = "</think>"}, answer, tokenizer);
  EXPECT_TRUE(accepts(*optional, "no"));
  EXPECT_FALSE(accepts(*optional, "hm"));
  EXPECT_TRUE(accepts(*optional, "<think>hm</think>no"));
}

TEST_F(Grammars, ABudgetEndsTheReasoning) {
  const auto answer = compiler.compile(choice_source({"yes", "no"}));
  const auto start = make_thinking({.begin = "<think>",
                                    .end = "</think>",
                                    .inside = true,
                                    .budget = 5,
                                    .last_words = ".</think>"},
                                   answer, tokenizer);
  auto c = start->clone();
  std::vector<engine::Token> forced;
  for (int i = 0; i < 5; ++i) {
    c->forced(forced);
    EXPECT_TRUE(forced.empty());
    c->accept('x');
  }
  c->forced(forced);
  EXPECT_EQ(tokenizer.decode(forced, false), ".</think>");
  for (engine::Token t : forced) c->accept(t);
  std::vector<uint32_t> words(size_t(tokenizer.size() + 31) / 32);
  ASSERT_TRUE(c->mask(words));
  EXPECT_TRUE(words['y' / 32] >> ('y' % 32) & 1);
  EXPECT_FALSE(words['x' / 32] >> ('x' % 32) & 1);
}

TEST_F(Grammars, CompiledOnce) {
  const auto a = compiler.compile(json_object_source()), b = compiler.compile(json_object_source());
  EXPECT_EQ(a, b);
  for (size_t i = 0; i < Compiler::kCached; ++i)
    compiler.compile(choice_source({std::to_string(i)}));
  EXPECT_NE(compiler.compile(json_object_source()), a);
}

}  // namespace
}  // namespace strata::grammar
