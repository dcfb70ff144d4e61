// Every kind of part of tokenizer.json against the `tokenizers` package
// (tools/golden/tokenizer.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/tokenizer.h"
#include "model/tokenizer/test_support.h"

namespace strata::model::tokenizer {
namespace {

using Ids = std::vector<Token>;

const nlohmann::json& golden() {
  static const auto all = nlohmann::json::parse(read_file(golden_path("parts.json")));
  return all;
}

class Parts : public testing::TestWithParam<const char*> {};

TEST_P(Parts, EqualTheReference) {
  const auto& entry = golden()["tokenizers"].at(GetParam());
  const auto tokenizer = make_tokenizer_json(entry["tokenizer"].dump(), "");
  const auto& texts = golden()["texts"];
  ASSERT_EQ(entry["cases"].size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = texts[i];
    SCOPED_TRACE(texts[i].dump(-1, ' ', true));
    const auto& c = entry["cases"][i];
    const Ids ids = tokenizer->encode(text, {.add_special = false});
    EXPECT_EQ(ids, c[0].get<Ids>());
    EXPECT_EQ(tokenizer->encode(text), c[1].get<Ids>());
    EXPECT_EQ(tokenizer->encode(text, {.add_special = false, .parse_special = false}),
              c[2].get<Ids>());
    EXPECT_EQ(tokenizer->decode(ids, false), c[3].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids, true), c[4].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, Parts,
    testing::Values("gpt2", "roberta", "words", "words_ignore_merges", "cased", "intersected",
                    "triples", "falcon", "behaviours", "inverted", "nfc", "nfkd", "added",
                    "llama2", "gemma", "metaspace_first", "unigram", "wordpiece",
                    "wordpiece_cased"),
    [](const auto& info) { return std::string(info.param); });

TEST(TokenizerParts, NoneIsLeftOut) {
  EXPECT_EQ(golden()["tokenizers"].size(), 19u);
}

// The bytes of the tokens in a row are the text, whatever UTF-8 it is.
TEST(TokenizerParts, ByteLevelIsLossless) {
  for (const char* name : {"gpt2", "words", "words_ignore_merges", "cased", "intersected",
                           "triples", "falcon"}) {
    const auto tokenizer =
        make_tokenizer_json(golden()["tokenizers"][name]["tokenizer"].dump(), "");
    Random random(7);
    for (int i = 0; i < 2000; ++i) {
      const std::string text = random.text(random.below(60));
      for (const bool parse : {false, true}) {
        const Ids ids = tokenizer->encode(text, {.add_special = false, .parse_special = parse});
        ASSERT_EQ(tokenizer->decode(ids, false), text) << name << " case " << i;
      }
    }
  }
}

TEST(TokenizerParts, IllFormedTextIsReadAsItsRepair) {
  for (const auto& [name, entry] : golden()["tokenizers"].items()) {
    const auto tokenizer = make_tokenizer_json(entry["tokenizer"].dump(), "");
    Random random(11);
    for (int i = 0; i < 500; ++i) {
      const std::string bytes = random.bytes(random.below(80));
      ASSERT_EQ(tokenizer->encode(bytes), tokenizer->encode(replace_ill_formed(bytes)))
          << name << " case " << i;
    }
  }
}

// A stream of bytes() gives what decode() gives.
TEST(TokenizerParts, BytesOfTokensMakeUpTheDecodedText) {
  for (const auto& [name, entry] : golden()["tokenizers"].items()) {
    const auto tokenizer = make_tokenizer_json(entry["tokenizer"].dump(), "");
    for (const std::string text : golden()["texts"]) {
      const Ids ids = tokenizer->encode(text, {.add_special = false});
      std::string joined;
      for (size_t i = 0; i < ids.size(); ++i) joined += tokenizer->bytes(ids[i], i == 0);
      EXPECT_EQ(replace_ill_formed(joined), tokenizer->decode(ids, false)) << name;
    }
  }
}

TEST(TokenizerParts, UnknownIdsDecodeToNothing) {
  const auto tokenizer =
      make_tokenizer_json(golden()["tokenizers"]["words"]["tokenizer"].dump(), "");
  const Token ids[] = {-1, tokenizer->size(), INT32_MAX, INT32_MIN};
  EXPECT_EQ(tokenizer->decode(ids, false), "");
  EXPECT_EQ(tokenizer->piece(-5), "");
  EXPECT_EQ(tokenizer->find(""), -1);
}

}  // namespace
}  // namespace strata::model::tokenizer
