#include "model/hub/choose.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace strata::model {
namespace {

std::vector<RemoteFile> listing(std::initializer_list<const char*> names) {
  std::vector<RemoteFile> files;
  for (const char* name : names) files.push_back({.path = name, .bytes = 1});
  return files;
}

std::vector<std::string> chosen(const std::vector<RemoteFile>& files, const std::string& choice) {
  std::vector<std::string> names;
  for (const RemoteFile& f : choose_files(files, choice).files) names.push_back(f.path);
  return names;
}

using Names = std::vector<std::string>;

Code refusal(const std::vector<RemoteFile>& files, const std::string& choice) {
  try {
    choose_files(files, choice);
  } catch (const Error& e) {
    return e.code();
  }
  ADD_FAILURE() << "'" << choice << "' was accepted";
  return Code::internal;
}

const std::vector<RemoteFile> quants = listing({"README.md", "m-Q4_0.gguf", "m-Q4_K_M.gguf",
                                                "m-Q4_K_S.gguf", "m.Q8_0.gguf", "mmproj-m.gguf"});

TEST(Choose, QuantisationInEitherCaseAndWhole) {
  EXPECT_EQ(chosen(quants, "q4_0"), Names{"m-Q4_0.gguf"});
  EXPECT_EQ(chosen(quants, "Q4_k_S"), Names{"m-Q4_K_S.gguf"});
  EXPECT_EQ(chosen(quants, "q8_0"), Names{"m.Q8_0.gguf"});
  EXPECT_EQ(refusal(quants, "q4_k"), Code::not_found);   // not a prefix of Q4_K_M
  EXPECT_EQ(refusal(quants, "q6_k"), Code::not_found);
}

TEST(Choose, FileByName) {
  EXPECT_EQ(chosen(quants, "m-Q4_0.gguf"), Names{"m-Q4_0.gguf"});
  EXPECT_EQ(chosen(listing({"gguf/m-Q4_0.gguf", "gguf/m-Q8_0.gguf"}), "m-Q8_0.gguf"),
            Names{"gguf/m-Q8_0.gguf"});
}

TEST(Choose, WithoutAChoice) {
  EXPECT_EQ(chosen(quants, ""), Names{"m-Q4_K_M.gguf"});
  EXPECT_EQ(chosen(listing({"only-f16.gguf", "config.json"}), ""), Names{"only-f16.gguf"});
  EXPECT_EQ(refusal(listing({"a-Q5_0.gguf", "a-Q8_0.gguf"}), ""), Code::invalid_argument);
  EXPECT_EQ(refusal(listing({"a-Q4_K_M.gguf", "b-Q4_K_M.gguf"}), "q4_k_m"), Code::invalid_argument);
}

TEST(Choose, SplitFileComesWithAllParts) {
  const auto files = listing({"big-Q4_K_M-00002-of-00002.gguf", "big-Q4_K_M-00001-of-00002.gguf",
                              "big-Q8_0-00001-of-00002.gguf"});
  const Names both = {"big-Q4_K_M-00001-of-00002.gguf", "big-Q4_K_M-00002-of-00002.gguf"};
  EXPECT_EQ(chosen(files, "q4_k_m"), both);
  EXPECT_EQ(chosen(files, "big-Q4_K_M-00002-of-00002.gguf"), both);
  EXPECT_EQ(refusal(files, "q8_0"), Code::data_loss);
  EXPECT_EQ(model_stem("x/big-Q8_0-00001-of-00002.gguf"), "big-Q8_0");
  EXPECT_EQ(model_stem("a-of-b.gguf"), "a-of-b");
}

TEST(Choose, FolderOfSafetensors) {
  const auto files =
      listing({"README.md", "config.json", "model-00001-of-00001.safetensors", "tokenizer.json",
               "model.safetensors.index.json", "consolidated.safetensors", "training_args.bin",
               "onnx/model.safetensors"});
  const Chosen c = choose_files(files, "");
  EXPECT_TRUE(c.folder);
  EXPECT_EQ(chosen(files, ""),
            (Names{"config.json", "model-00001-of-00001.safetensors", "tokenizer.json",
                   "model.safetensors.index.json"}));
  EXPECT_EQ(refusal(listing({"config.json", "pytorch_model.bin"}), ""), Code::not_found);
}

TEST(Choose, PathsThatLeaveTheFolderAreRefused) {
  for (const char* path : {"../m-q4_0.gguf", "/m-q4_0.gguf", "a/../../m-q4_0.gguf",
                           "a\\m-q4_0.gguf", "a//m-q4_0.gguf", "./m-q4_0.gguf", "a\nm-q4_0.gguf"})
    EXPECT_EQ(refusal(listing({path}), ""), Code::data_loss) << path;
}

TEST(Source, Forms) {
  const PullSource s = parse_source("hf:Some-Org/A.Model_1:q4_k_m");
  EXPECT_EQ(s.kind, PullSource::Kind::hub);
  EXPECT_EQ(s.owner + "|" + s.name + "|" + s.choice, "Some-Org|A.Model_1|q4_k_m");
  EXPECT_EQ(parse_source("ms:a/b").hub, "ms");
  EXPECT_EQ(parse_source("https://host/x.gguf").kind, PullSource::Kind::url);
  EXPECT_EQ(parse_source("/").kind, PullSource::Kind::local);
  for (const char* bad : {"", "nothing-there", "hf:", "hf:a", "hf:a/", "hf:a/b/c", "hf:../b",
                          "hf:a/..", "hf:a/b:../x", "hf:a/b:", "hf:a/b?x", "zz:a/b", "hf:a/b:/x"})
    EXPECT_THROW(parse_source(bad), Error) << bad;
}

}  // namespace
}  // namespace strata::model
