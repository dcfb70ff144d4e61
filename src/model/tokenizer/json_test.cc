// tokenizer.json and its companions: settings, and damage of all kinds.
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/tokenizer/json_tokenizer.h"
#include "model/tokenizer/test_support.h"

namespace strata::model::tokenizer {
namespace {

using Ids = std::vector<Token>;

const std::string bpe = R"json({"added_tokens":[
  {"id":5,"content":"<s>","special":true},{"id":6,"content":"</s>","special":true},
  {"id":7,"content":"<|im_end|>","special":true,"lstrip":true},
  {"id":8,"content":"<t>","special":false,"normalized":true,"single_word":true}],
 "normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},
  {"type":"Replace","pattern":{"Regex":"z+"},"content":"a"}]},
 "pre_tokenizer":{"type":"Sequence","pretokenizers":[
  {"type":"Split","pattern":{"Regex":"[^\\s\\p{L}&&[^1]]+|\\s+(?!\\S)"},"behavior":"Isolated"},
  {"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]},
 "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},
  {"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"id":"<s>","ids":[5],"tokens":["<s>"]}}},
 "decoder":{"type":"ByteLevel"},
 "model":{"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,"ab":3,"Ġab":4},
  "merges":["a b",["Ġ","ab"]]}})json";

const std::string unigram = R"json({"normalizer":{"type":"Precompiled",
  "precompiled_charsmap":"BAAAAAAAAAAA"},"added_tokens":[],
 "pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"first"},
 "decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},
  {"type":"Metaspace","replacement":"_"},{"type":"Fuse"},
  {"type":"Strip","content":" ","start":1,"stop":0}]},
 "model":{"type":"Unigram","unk_id":0,"byte_fallback":false,
  "vocab":[["<unk>",0.0],["_",-2.5],["a",-1.0],["_a",-1.5],["ab",-1.25]]}})json";

const std::string word_piece = R"json({"normalizer":{"type":"BertNormalizer","lowercase":true},
 "pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","prefix":"##"},
 "post_processor":{"type":"BertProcessing","sep":["[SEP]",1],"cls":["[CLS]",0]},
 "model":{"type":"WordPiece","unk_token":"[UNK]","max_input_chars_per_word":10,
  "vocab":{"[CLS]":0,"[SEP]":1,"[UNK]":2,"a":3,"##b":4,",":5}}})json";

std::unique_ptr<Tokenizer> load(std::string_view tokenizer, std::string_view settings = "",
                                std::string_view generation = "", std::string_view config = "") {
  return json_tokenizer({.tokenizer = tokenizer,
                         .tokenizer_config = settings,
                         .generation_config = generation,
                         .config = config});
}

TEST(TokenizerJson, SettingsOfTheCompanionFiles) {
  const auto plain = load(bpe);
  EXPECT_EQ(plain->encode("ab ab"), (Ids{5, 3, 4}));
  EXPECT_TRUE(plain->add_bos);
  EXPECT_FALSE(plain->add_eos);
  EXPECT_EQ(plain->stop, (Ids{6, 7}));   // known texts

  const auto set = load(bpe, R"({"bos_token":"<s>","eos_token":{"content":"</s>"},
      "add_bos_token":false,"add_eos_token":true})",
                        R"({"eos_token_id":[6,1,-4,99]})", R"({"eos_token_id":2})");
  EXPECT_EQ(set->bos, 5);
  EXPECT_EQ(set->eos, 6);
  EXPECT_EQ(set->encode("ab"), (Ids{3, 6}));
  EXPECT_EQ(set->stop, (Ids{1, 2, 6, 7}));

  const auto numbered = load(bpe, "", "", R"({"bos_token_id":5,"eos_token_id":6})");
  EXPECT_EQ(numbered->bos, 5);
  EXPECT_EQ(numbered->eos, 6);
}

TEST(TokenizerJson, WordPieceAndUnigram) {
  EXPECT_EQ(load(word_piece)->encode("Ab, abb c"), (Ids{0, 3, 4, 5, 3, 4, 4, 2, 1}));
  EXPECT_EQ(load(word_piece)->decode(Ids{3, 4, 5}, false), "ab,");
  EXPECT_EQ(load(unigram)->encode("a abc"), (Ids{3, 1, 4, 0}));
}

TEST(TokenizerJson, NamesWhatItDoesNotSupport) {
  std::string text = word_piece;
  text.replace(text.find("BertPreTokenizer"), 16, "UnicodeScripts__");
  try {
    load(text);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unimplemented);
    EXPECT_NE(std::string(e.what()).find("UnicodeScripts__"), std::string::npos);
  }
}

TEST(TokenizerJson, NestingAndIdsAreLimited) {
  std::string deep = R"({"type":"NFC"})";
  for (int i = 0; i < 100; ++i)
    deep = R"({"type":"Sequence","normalizers":[)" + deep + "]}";
  EXPECT_THROW(load(R"({"model":{"vocab":{"a":0}},"normalizer":)" + deep + "}"), Error);
  EXPECT_THROW(load(R"({"model":{"vocab":{"a":2000000000}}})"), Error);
  EXPECT_THROW(load(R"({"model":{"vocab":{"a":-1}}})"), Error);
  EXPECT_THROW(load(R"({"model":{"vocab":{}}})"), Error);
  EXPECT_THROW(load(""), Error);
  EXPECT_THROW(load("[1]"), Error);
}

// Whatever happens to the file, it loads or is refused with an Error, and what loads works.
TEST(TokenizerJson, SurvivesMutation) {
  Random random(17);
  const std::string seeds[] = {bpe, unigram, word_piece};
  const std::string texts[] = {"ab <s>zz 12 \xFF", random.text(40)};
  int loaded = 0, refused = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = seeds[i % 3];
    const std::string& other = seeds[random.below(3)];
    for (uint32_t n = 1 + random.below(4); n > 0; --n) {
      const size_t at = random.below(static_cast<uint32_t>(text.size()));
      const size_t size = std::min<size_t>(random.below(24), text.size() - at);
      switch (random.below(6)) {
        case 0: text[at] = static_cast<char>(random.below(256)); break;
        case 1: text.erase(at, size); break;
        case 2: text.insert(at, text.substr(random.below(text.size()), size)); break;
        case 3: text[at] = "0123456789-\"{}[],:\\e"[random.below(20)]; break;
        case 4: text.replace(at, size, other.substr(random.below(other.size()), size)); break;
        default: text.resize(random.below(4) ? text.size() : at); break;
      }
      if (text.empty()) text = " ";
    }
    try {
      const auto tokenizer = load(text);
      ++loaded;
      for (const std::string& sample : texts) {
        const Ids ids = tokenizer->encode(sample);
        tokenizer->decode(ids, true);
        for (const Token id : ids) ASSERT_LT(id, tokenizer->size());
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(loaded, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace strata::model::tokenizer
