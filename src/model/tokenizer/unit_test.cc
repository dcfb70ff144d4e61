// The tokenizer's building blocks, each by its own property.
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/gguf_tokenizer.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/regex_syntax.h"
#include "model/tokenizer/special_split.h"
#include "model/tokenizer/stop_tokens.h"
#include "model/tokenizer/test_support.h"

namespace strata::model::tokenizer {
namespace {

using Strings = std::vector<std::string>;

Strings cut(const PreTokenizer& pre, std::string_view text) {
  Pieces pieces(text, true);
  for (const auto& stage : pre.stages()) stage->apply(pieces);
  Strings out;
  for (const Range r : pieces.ranges()) out.emplace_back(pieces[r]);
  return out;
}

// Table 3-8 of the Unicode standard: one U+FFFD for each maximal subpart.
TEST(TokenizerUtf8, ReplacesMaximalSubparts) {
  EXPECT_EQ(replace_ill_formed("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFD" "b\uFFFD" "c\uFFFD\uFFFD" "d");
  EXPECT_EQ(replace_ill_formed("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");   // a surrogate
  EXPECT_EQ(replace_ill_formed("\xC0\xAF\xF5"), "\uFFFD\uFFFD\uFFFD");
}

TEST(TokenizerByteMap, IsABijection) {
  std::string all;
  for (int b = 0; b < 256; ++b) all.push_back(static_cast<char>(b));
  EXPECT_EQ(unmap_bytes(map_bytes(all)), all);
  EXPECT_TRUE(valid_utf8(map_bytes(all)));
  EXPECT_EQ(map_bytes(" \n!"), "ĠĊ!");
  EXPECT_EQ(unmap_bytes("<｜x｜>"), "<｜x｜>");
}

TEST(TokenizerTrie, FindsWhatWasInsertedAndNothingElse) {
  Random random(3);
  Trie trie;
  std::map<std::string, int32_t> keys;
  for (int32_t i = 0; i < 3000; ++i) {
    const std::string key = random.bytes(1 + random.below(4));
    trie.insert(key, i);
    keys.emplace(key, i);
  }
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random.bytes(6);
    std::map<size_t, int32_t> expected, found;
    for (size_t n = 1; n <= text.size(); ++n)
      if (const auto it = keys.find(text.substr(0, n)); it != keys.end()) expected[n] = it->second;
    trie.each_prefix(text, [&](size_t n, int32_t value) { found[n] = value; });
    ASSERT_EQ(found, expected);
  }
}

TEST(TokenizerSpecialSplit, LongestLeftmostAndBySpecialness) {
  SpecialSplit split;
  split.add("<a>", {.id = 1, .special = true});
  split.add("<a><b>", {.id = 2, .special = true});
  split.add("  ", {.id = 3});
  const auto ids = [&](std::string_view text, bool parse) {
    std::vector<Token> out;
    for (const auto& part : split.split(text, parse)) out.push_back(part.token);
    return out;
  };
  using Ids = std::vector<Token>;
  EXPECT_EQ(ids("x<a><b><a>y", true), (Ids{-1, 2, 1, -1}));
  EXPECT_EQ(ids("x<a><b>   ", false), (Ids{-1, 3, -1}));
  EXPECT_EQ(ids("", true), Ids{});
  EXPECT_EQ(ids("<a", true), Ids{-1});
}

TEST(TokenizerRegexSyntax, TranslatesTheDialect) {
  const auto matches = [](std::string_view pattern, std::string_view text) {
    Strings out;
    Regex(pattern).each(text, [&](size_t b, size_t e) { out.emplace_back(text.substr(b, e - b)); });
    return out;
  };
  EXPECT_EQ(matches(R"([a[bc]]+)", "xabcd"), Strings{"abc"});
  EXPECT_EQ(matches(R"([\p{L}&&[^a-c]]+)", "abcdef1"), Strings{"def"});
  EXPECT_EQ(matches(R"([^\p{L}&&[^a-c]]+)", "abcdef1"), (Strings{"abc", "1"}));
  EXPECT_EQ(matches(R"(\h+)", "xyz12aF"), Strings{"12aF"});
  EXPECT_EQ(matches(R"([\u0041-\u0043]+)", "xABC"), Strings{"ABC"});
  EXPECT_EQ(matches(R"([]a]+)", "x]a"), Strings{"]a"});
  EXPECT_EQ(matches(R"(\s)", "a\u180e\u0085\u3000"), (Strings{"\u0085", "\u3000"}));
  for (const char* bad : {"[a", "(", "\\", "a{2", "[[:alpha:", "*", "\\p{Nothing}"}) {
    try {
      Regex regex(bad);   // "a{2" is literal text
      EXPECT_STREQ(bad, "a{2");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::data_loss) << bad;
    }
  }
  EXPECT_THROW(to_pcre2(std::string(100, '[')), Error);
}

TEST(TokenizerPreTokenizer, EveryRowCutsWithoutLoss) {
  Random random(5);
  const auto names = pre_tokenizer_names();
  EXPECT_GE(names.size(), 80u);
  for (const std::string_view name : names) {
    const PreTokenizer* pre = find_pre_tokenizer(name);
    ASSERT_TRUE(pre) << name;
    const Stages stages = pre->stages();
    for (int i = 0; i < 200; ++i) {
      const std::string text = random.text(random.below(50));
      Pieces pieces(text, true);
      for (const auto& stage : stages) stage->apply(pieces);
      std::string joined;
      for (const Range r : pieces.ranges()) joined += pieces[r];
      ASSERT_EQ(joined, text) << name;
    }
  }
  EXPECT_EQ(find_pre_tokenizer("qwen"), nullptr);
}

TEST(TokenizerPreTokenizer, NamedOnesCutAsPublished) {
  EXPECT_EQ(cut(*find_pre_tokenizer("gpt-2"), "I've  12 apples\n\n"),
            (Strings{"I", "'ve", " ", " 12", " apples", "\n\n"}));
  EXPECT_EQ(cut(*find_pre_tokenizer("llama-bpe"), "I'VE 12345 x.\n"),
            (Strings{"I", "'VE", " ", "123", "45", " x", ".\n"}));
  EXPECT_EQ(cut(*find_pre_tokenizer("qwen2"), "12 a"), (Strings{"1", "2", " a"}));
  EXPECT_EQ(cut(*find_pre_tokenizer("gpt-4o"), "HTTPServer's fooBar"),
            (Strings{"HTTPServer's", " foo", "Bar"}));
  EXPECT_EQ(cut(*find_pre_tokenizer("superbpe"), "a 1234567 b"),
            (Strings{"a ", "1", "234", "567", " b"}));
  EXPECT_EQ(cut(*find_pre_tokenizer("kimi-k2"), "ab你好cd"), (Strings{"ab", "你好", "cd"}));
}

// A megabyte of one thing. Quadratic work would take hours, not seconds.
TEST(TokenizerPreTokenizer, LongRunsTakeLinearWork) {
  constexpr size_t n = 1 << 20;
  std::string mixed, marks = "e";
  while (mixed.size() < n) mixed += " \t";
  while (marks.size() < n) marks += "\u0301\u0316";
  const Strings texts = {std::string(n, 'a'), std::string(n, 'A'), std::string(n, '7') + "x",
                         std::string(n, '.'), std::string(n, ' ') + "x", mixed + "x", marks};
  for (const char* name : {"default", "gpt-2", "llama-bpe", "qwen2", "gpt-4o", "tekken", "kimi-k2",
                           "deepseek-llm", "deepseek-v3", "superbpe", "tiny_aya", "exaone-moe",
                           "bloom", "chameleon"}) {
    const Stages stages = find_pre_tokenizer(name)->stages();
    for (const std::string& text : texts) {
      Pieces pieces(text, true);
      for (const auto& stage : stages) stage->apply(pieces);
      EXPECT_FALSE(pieces.ranges().empty()) << name;
    }
  }
}

TEST(TokenizerMerge, LooksUpALinearNumberOfPairs) {
  for (const size_t n : {1000u, 100'000u}) {
    std::vector<Symbol> symbols;
    for (size_t i = 0; i < n; ++i)
      symbols.push_back({static_cast<uint32_t>(i), 1, static_cast<int32_t>(i) - 1,
                         i + 1 < n ? static_cast<int32_t>(i) + 1 : -1, 0});
    std::vector<Candidate> heap;
    size_t lookups = 0;
    // Two equal symbols make one of twice the size: the most merges there can be.
    merge_symbols(symbols, heap, [&](const Symbol& a, const Symbol& b, Candidate& c) {
      ++lookups;
      c.cost = a.size;
      c.id = 0;
      return a.size == b.size;
    });
    EXPECT_LE(lookups, 3 * n);
  }
}

TEST(TokenizerNormalizer, LongMarkRunsSortAsShortOnesDo) {
  const NormalizerPtr nfc = unicode_normalizer(UnicodeForm::nfc);
  const NormalizerPtr nfd = unicode_normalizer(UnicodeForm::nfd);
  EXPECT_EQ(nfc->apply("a\u0316\u0301"), "\u00E1\u0316");
  EXPECT_EQ(nfd->apply("\u00E9"), "e\u0301");
  std::string mixed = "e", below, above;
  for (int i = 0; i < 200'000; ++i) {
    mixed += "\u0301\u0316";
    above += "\u0301";
    below += "\u0316";
  }
  EXPECT_EQ(nfd->apply(mixed), "e" + below + above);
}

TEST(TokenizerStopTokens, KnownEndsButNotHarmonysInnerOne) {
  Vocabulary v;
  for (const char* text : {"<|end|>", "<|return|>", "<|call|>", "<|endoftext|>"})
    v.add(text, TokenType::control);
  v.add("</s>", TokenType::user_defined);
  v.build_index();
  EXPECT_EQ(stop_tokens(v, std::vector<Token>{-1, 3, 99}), (std::vector<Token>{1, 2, 3}));
  Vocabulary phi;
  phi.add("<|end|>", TokenType::control);
  phi.build_index();
  EXPECT_EQ(stop_tokens(phi, {}), std::vector<Token>{0});
}

// Without merges the vocabulary's order is that of merging (tiktoken).
TEST(TokenizerBpe, MergesByIdWhenThereAreNone) {
  Vocabulary v;
  for (const char* text : {"a", "b", "c", "ab", "bc", "abc"}) v.add(text, TokenType::normal);
  v.build_index();
  const Bpe bpe(v, {}, {});
  Scratch scratch;
  std::vector<Token> out;
  for (const char* word : {"abc", "bc", "cab"}) bpe.encode(word, scratch, out);
  EXPECT_EQ(out, (std::vector<Token>{5, 4, 2, 3}));
}

TEST(TokenizerBpe, ManyThreadsShareOne) {
  Vocabulary v;
  for (int b = 0; b < 256; ++b)
    v.add(mapped_byte(static_cast<unsigned char>(b)), TokenType::normal);
  for (const char* text : {"ab", "ba", "aba", "bab"}) v.add(text, TokenType::normal);
  v.build_index();
  const std::vector<Merge> merges = {{"a", "b"}, {"b", "a"}, {"ab", "a"}, {"b", "ab"}};
  const Bpe bpe(v, merges, {});
  const auto run = [&](uint32_t seed) {
    Random random(seed);
    Scratch scratch;
    std::vector<Token> out;
    for (int i = 0; i < 20'000; ++i) {
      std::string word;
      for (uint32_t n = 1 + random.below(30); n > 0; --n) word.push_back("abc"[random.below(3)]);
      bpe.encode(word, scratch, out);
    }
    return out;
  };
  const std::vector<Token> expected = run(1);
  std::vector<std::vector<Token>> got(4);
  std::vector<std::thread> threads;
  for (auto& result : got) threads.emplace_back([&] { result = run(1); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : got) EXPECT_EQ(result, expected);
}

Metadata tiny_spm() {
  Metadata m;
  m.values["tokenizer.ggml.model"].v = std::string("llama");
  m.values["tokenizer.ggml.tokens"].v = Value::Strings{
      "<unk>", "<s>", "</s>", "<0x0A>", "<0xFF>", "▁", "a", "b", "▁a", "ab", "▁ab"};
  m.values["tokenizer.ggml.token_type"].v = Value::Ints{2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1};
  m.values["tokenizer.ggml.scores"].v =
      Value::Floats{0, 0, 0, 0, 0, -9, -9, -9, -2, -1, -3};
  return m;
}

TEST(TokenizerGguf, SentencePieceByScoreWithBytesAndPrefix) {
  using Ids = std::vector<Token>;
  Metadata m = tiny_spm();
  auto t = gguf_tokenizer(m);
  EXPECT_EQ(t->model, "spm");
  EXPECT_TRUE(t->add_bos);
  EXPECT_EQ(t->stop, Ids{2});
  EXPECT_EQ(t->encode("ab"), (Ids{1, 10}));
  EXPECT_EQ(t->encode("ab", {.add_special = false}), Ids{10});
  EXPECT_EQ(t->encode("a\nb\xFF", {.add_special = false}), (Ids{8, 3, 7, 4}));
  EXPECT_EQ(t->encode("</s>ab", {.add_special = false}), (Ids{2, 10}));
  EXPECT_EQ(t->decode(Ids{10, 8}, false), "ab a");
  EXPECT_EQ(t->decode(Ids{1, 10, 2}, true), "ab");
  EXPECT_EQ(t->bytes(4, false), "\xFF");
  m.values["tokenizer.ggml.add_space_prefix"].v = false;
  m.values["tokenizer.ggml.remove_extra_whitespaces"].v = true;
  m.values["tokenizer.ggml.add_bos_token"].v = false;
  t = gguf_tokenizer(m);
  EXPECT_EQ(t->encode("  ab  ab "), (Ids{9, 10}));
  EXPECT_EQ(t->decode(Ids{10}, false), " ab");
}

TEST(TokenizerGguf, SaysWhatIsWrong) {
  const auto message = [](const Metadata& m) -> std::string {
    try {
      gguf_tokenizer(m);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  Metadata m = tiny_spm();
  m.values["tokenizer.ggml.model"].v = std::string("rwkv");
  EXPECT_NE(message(m).find("'rwkv'"), std::string::npos);
  m.values["tokenizer.ggml.model"].v = std::string("gpt2");
  m.values["tokenizer.ggml.pre"].v = std::string("new-thing");
  EXPECT_NE(message(m).find("'new-thing'"), std::string::npos);
  m = tiny_spm();
  m.values["tokenizer.ggml.scores"].v = Value::Floats{1};
  EXPECT_NE(message(m).find("tokenizer.ggml.scores"), std::string::npos);
  m.values.erase("tokenizer.ggml.tokens");
  EXPECT_NE(message(m).find("tokenizer.ggml.tokens"), std::string::npos);
}

}  // namespace
}  // namespace strata::model::tokenizer
