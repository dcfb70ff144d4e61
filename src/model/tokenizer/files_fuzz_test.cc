// Mutated tokenizer files: none may crash, hang or allocate without bound.
#include <gtest/gtest.h>

#include "model/testing/files.h"
#include "model/testing/hostile_tokenizer.h"
#include "model/testing/mutation.h"

namespace strata::model {
namespace {

using testing::Bytes;

constexpr int kMutations = 1500;
constexpr size_t kMoreMemory = size_t{1} << 30;

template <class F>
void feed(const Bytes& valid, F&& accepts) {
  ASSERT_TRUE(accepts(valid)) << "the seed itself";
  testing::Mutator mutate(valid.size());
  int accepted = 0;
  const testing::MemoryLimit limit(kMoreMemory);
  for (int i = 0; i < kMutations; ++i) accepted += accepts(mutate(valid, valid.size()));
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, kMutations);
}

std::string_view text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(TokenizerFilesFuzz, SentencePiece) {
  for (const char* name : {"spm-user-defined", "unigram"})
    feed(testing::read_bytes(testing::golden(std::string("tokenizer/files/") + name) +
                             "/tokenizer.model"),
         testing::accepts_sentencepiece);
}

TEST(TokenizerFilesFuzz, Tiktoken) {
  feed(testing::read_bytes(testing::golden("tokenizer/files/qwen/qwen.tiktoken")),
       [](const Bytes& b) { return testing::accepts_tiktoken(text_of(b)); });
}

TEST(TokenizerFilesFuzz, Settings) {
  const std::string valid =
      R"({"a": 0, "b": 1, "ab": 2, "tokenizer_class": "Qwen2TokenizerFast", "unk_token": null,
          "bos_token": {"content": "<s>", "lstrip": true}, "added_tokens_decoder": {"7": "<x>"},
          "additional_special_tokens": ["<y>", {"content": "<z>"}], "eos_token": "</s>"})";
  // vocab.json must hold ids alone, so that the whole is refused; its reading is what is tested.
  testing::Mutator mutate(valid.size());
  for (int i = 0; i < kMutations; ++i) {
    const Bytes mutated = mutate(Bytes(valid.begin(), valid.end()), valid.size());
    testing::accepts_folder_settings(text_of(mutated));
  }
}

}  // namespace
}  // namespace strata::model
