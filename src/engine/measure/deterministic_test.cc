// Logits that depend on a sequence alone: the same bits in every batch, chunk and company.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "engine/graph_executor.h"
#include "model/model.h"

namespace strata::engine {
namespace {

std::string golden(const std::string& name) {
  const char* root = std::getenv("STRATA_SOURCE");
  return (std::filesystem::path(root ? root : ".") / "tests" / "golden" / name).string();
}

class Deterministic : public testing::TestWithParam<const char*> {
 protected:
  static constexpr int kLength = 700;   // long enough that attention would be split
  Deterministic()
      : model_(model::load(golden(GetParam()))), executor_(*model_, options_),
        tokens_(kLength + 1) {
    for (size_t i = 0; i < tokens_.size(); ++i)
      tokens_[i] = Token(i * 7919 % size_t(executor_.n_vocab()));
  }
  std::vector<float> copy(const float* logits) const {
    return {logits, logits + executor_.n_vocab()};
  }
  std::vector<int32_t> table(int first) const {
    std::vector<int32_t> blocks(kLength / kernel::kKvBlock + 1);
    std::iota(blocks.begin(), blocks.end(), first);
    return blocks;
  }
  /// Logits of the last of kLength tokens, computed in chunks.
  std::vector<float> prefill(const std::vector<int32_t>& blocks, int chunk) {
    std::vector<float> logits;
    for (int i = 0; i < kLength; i += chunk) {
      const int n = std::min(chunk, kLength - i);
      const StepSequence s{0, n, i, blocks, 1};
      logits = copy(executor_.run({std::span(tokens_).subspan(i, n), {&s, 1}}));
    }
    return logits;
  }

  // A page a block: their ids are the same.
  EngineOptions options_{.threads = 2, .deterministic = true, .max_model_len = 4096,
                         .max_num_seqs = 64, .max_num_batched_tokens = 256,
                         .kv_by_window = false};
  std::shared_ptr<const model::Model> model_;
  GraphExecutor executor_;
  std::vector<Token> tokens_;
};

TEST_P(Deterministic, NeitherChunksNorCompanyChangeABit) {
  const auto blocks = table(0), others = table(16);
  const auto whole = prefill(blocks, 256);
  for (int chunk : {7, 64, 200}) EXPECT_EQ(prefill(others, chunk), whole) << "chunk " << chunk;

  const StepSequence one{0, 1, kLength, blocks, 1};
  const std::span<const Token> last(&tokens_[kLength], 1);
  const auto alone = copy(executor_.run({last, {&one, 1}}));
  for (int n : {2, 5, 8, 33}) {
    std::vector<Token> batch(last.begin(), last.end());
    std::vector<StepSequence> sequences{one};
    std::vector<std::vector<int32_t>> tables;
    for (int i = 1; i < n; ++i) tables.push_back({31 + i});
    for (int i = 1; i < n; ++i) {
      sequences.push_back({i, 1, 0, tables[size_t(i) - 1], 1});
      batch.push_back(Token(i % executor_.n_vocab()));
    }
    EXPECT_EQ(copy(executor_.run({batch, sequences})), alone) << "in a batch of " << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Deterministic, testing::Values("llama", "qwen2", "gemma3"));

}  // namespace
}  // namespace strata::engine
