// Ids and texts of the reference implementations (tests/golden/tokenizer).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/store.h"
#include "model/tokenizer.h"
#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/test_support.h"

namespace strata::model::tokenizer {
namespace {

struct Case {
  const char* golden;
  const char* model;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.golden; }
};

std::unique_ptr<Tokenizer> load(const std::string& model) {
  const std::string path = test_models() + "/" + model;
  if (model.ends_with(".json")) return make_tokenizer_json(read_file(path), "");
  return make_tokenizer(*open_store(path));
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, IdsAndTextsEqualTheReference) {
  const auto tokenizer = load(GetParam().model);
  const auto golden =
      nlohmann::json::parse(read_file(golden_path(std::string(GetParam().golden) + ".json")));
  ASSERT_EQ(golden["cases"].size(), 40u);
  for (const auto& c : golden["cases"]) {
    const std::string text = c["text"];
    const auto ids = tokenizer->encode(text, {.add_special = false});
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << text;
    EXPECT_EQ(tokenizer->decode(ids, false), c["decoded"].get<std::string>()) << text;
  }
}

// A megabyte of what makes bad algorithms quadratic; and random bytes.
TEST_P(Golden, LongHardInputsEncode) {
  const auto tokenizer = load(GetParam().model);
  constexpr size_t n = 1 << 20;
  std::string marks = "e", angles;
  while (marks.size() < n) marks += "\u0301\u0316";
  while (angles.size() < n) angles += "<|im_start<";
  Random random(23);
  bool lossless = tokenizer->model != "wordpiece";
  for (int b = 0; b < 256 && tokenizer->model == "bpe"; ++b)   // some vocabularies lack a few bytes
    lossless &= tokenizer->find(mapped_byte(static_cast<unsigned char>(b))) >= 0;
  for (const std::string& text :
       {std::string(n, 'a'), std::string(n, ' '), std::string(n, '1'), std::string(n, '\n'), marks,
        angles, replace_ill_formed(random.bytes(n))}) {
    const auto ids = tokenizer->encode(text, {.add_special = false, .parse_special = false});
    EXPECT_TRUE(!lossless || tokenizer->decode(ids, false) == text) << text.substr(0, 20);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, Golden,
    testing::Values(Case{"smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"},
                    Case{"gemma3", "gemma-3-270m.Q4_K_M.gguf"},
                    Case{"qwen2.5", "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"},
                    Case{"deepseek-v4", "deepseek-v4/tokenizer.json"},
                    Case{"minilm", "all-MiniLM-L6-v2"}),
    [](const auto& info) {
      std::string name = info.param.golden;
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

}  // namespace
}  // namespace strata::model::tokenizer
