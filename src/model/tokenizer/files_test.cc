// Tokenizer files other than tokenizer.json: ids and texts of the libraries that own them
// (tests/golden/tokenizer/files, written by tools/golden/tokenizer_files.py).
#include "model/tokenizer/files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/model.h"
#include "model/testing/files.h"
#include "model/tokenizer.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/test_support.h"

namespace strata::model::tokenizer {
namespace {

namespace fs = std::filesystem;

/// A folder without weights.
class SideFiles : public Store {
 public:
  explicit SideFiles(std::string folder) : folder_(std::move(folder)) {}
  std::string_view format() const override { return "hf"; }
  const std::string& path() const override { return folder_; }
  const Metadata& metadata() const override { return metadata_; }
  std::span<const graph::StoredTensor> tensors() const override { return {}; }
  std::string_view file_name(size_t) const override { return {}; }
  std::span<const UnsupportedTensor> unsupported() const override { return {}; }
  const graph::StoredTensor* find(std::string_view) const override { return nullptr; }
  std::string side_file(std::string_view name) const override {
    const std::string path = folder_ + "/" + std::string(name);
    return fs::exists(path) ? read_file(path) : std::string();
  }

 private:
  std::string folder_;
  Metadata metadata_;
};

const nlohmann::json& cases() {
  static const auto all = nlohmann::json::parse(read_file(golden_path("files/cases.json")));
  return all;
}

class Files : public ::testing::TestWithParam<const char*> {};

TEST_P(Files, IdsAndTextsEqualTheLibrarys) {
  const auto tokenizer = make_tokenizer(SideFiles(golden_path(std::string("files/") + GetParam())));
  const auto& texts = cases()["texts"];
  const auto& golden = cases()["folders"][GetParam()];
  ASSERT_EQ(golden.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = texts[i];
    const auto& c = golden[i];
    const auto expect = [&](const char* key, const Tokenizer::EncodeOptions& options) {
      if (!c.contains(key)) return;
      EXPECT_EQ(tokenizer->encode(text, options), c[key].get<std::vector<Token>>())
          << key << ": " << text;
    };
    expect("plain", {.add_special = false, .parse_special = false});
    expect("ids", {.add_special = false, .parse_special = true});
    expect("special", {.add_special = true, .parse_special = true});
    const auto& ids = c.contains("ids") ? c["ids"] : c["plain"];
    if (!c["decoded"].is_string()) continue;
    EXPECT_EQ(tokenizer->decode(ids.get<std::vector<Token>>(), false),
              c["decoded"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, Files,
    ::testing::Values("spm-llama", "spm-user-defined", "spm-unused", "unigram", "unigram-suffix",
                    "unigram-no-prefix", "qwen", "chatglm4", "kimi", "pat-str", "gpt2", "qwen2",
                    "roberta", "bert-uncased", "bert-cased"),
    [](const auto& info) {
      std::string name = info.param;
      std::erase(name, '-');
      return name;
    });

std::unique_ptr<Tokenizer> of(const char* folder) {
  return make_tokenizer(SideFiles(golden_path(std::string("files/") + folder)));
}

TEST(TokenizerFiles, SpecialTokensComeFromTheFileItself) {
  const auto llama = of("spm-llama");
  EXPECT_EQ(llama->piece(llama->bos), "<s>");
  EXPECT_EQ(llama->piece(llama->eos), "</s>");
  EXPECT_TRUE(llama->add_bos);
  EXPECT_EQ(llama->encode("<s>x", {.add_special = false})[0], llama->bos);
  EXPECT_EQ(llama->model, "spm");
}

TEST(TokenizerFiles, SpecialTokensOfAFamilyLieBehindItsRanks) {
  const auto qwen = of("qwen");
  EXPECT_EQ(qwen->piece(qwen->eos), "<|endoftext|>");
  EXPECT_EQ(qwen->find("<|im_start|>"), qwen->eos + 1);
  const auto glm = of("chatglm4");
  const auto ids = glm->encode("", {.add_special = true});
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(glm->piece(ids[0]), "[gMASK]");
  EXPECT_EQ(glm->piece(ids[1]), "<sop>");
}

TEST(TokenizerFiles, AFolderWithOneOfThemLoads) {
  const testing::TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file(testing::golden(std::string("llama/") + name), folder / name);
  EXPECT_EQ(load(folder.path())->tokenizer, nullptr);
  fs::copy_file(golden_path("files/spm-llama/tokenizer.model"), folder / "tokenizer.model");
  const auto model = load(folder.path());
  ASSERT_NE(model->tokenizer, nullptr);
  EXPECT_EQ(model->tokenizer->decode(model->tokenizer->encode("Hello"), true), "Hello");
}

TEST(TokenizerFiles, UnknownRanksNeedAPattern) {
  const testing::TemporaryFolder folder;
  fs::copy_file(golden_path("files/qwen/qwen.tiktoken"), folder / "x.tiktoken");
  try {
    make_tokenizer(SideFiles(folder.path()));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unimplemented);
    EXPECT_NE(std::string(e.what()).find("pat_str"), std::string::npos) << e.what();
  }
}

TEST(Base64, BothWays) {
  Random random(3);
  for (uint32_t n = 0; n < 50; ++n) {
    const std::string bytes = random.bytes(n);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");   // RFC 4648, section 10
  EXPECT_EQ(from_base64("Zm9v?"), std::nullopt);
}

}  // namespace
}  // namespace strata::model::tokenizer
