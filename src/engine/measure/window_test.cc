// Models with sliding windows: what their caches take, and that giving pages back changes nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "engine/core.h"
#include "engine/executor.h"
#include "engine/measure/session.h"

namespace strata::engine {
namespace {

std::string from(const char* variable, const std::string& otherwise) {
  const char* value = std::getenv(variable);
  return value ? value : otherwise;
}

std::vector<Token> random_tokens(int n, int n_vocab) {
  std::mt19937 random(5);
  std::vector<Token> tokens(n);
  for (Token& t : tokens) t = static_cast<Token>(random() % static_cast<unsigned>(n_vocab));
  return tokens;
}

class WindowGolden : public testing::TestWithParam<std::string> {
 protected:
  static constexpr int kTokens = 500, kChunk = 64;   // windows of 16 positions
  WindowGolden()
      : model_(model::load(from("STRATA_SOURCE", ".") + "/tests/golden/" + GetParam())) {}
  std::unique_ptr<Session> session(bool by_window) {
    // The least memory: with groups by window, pages are used again and again.
    return std::make_unique<Session>(*model_, EngineOptions{.threads = 2,
                                                            .precision = Precision::exact,
                                                            .max_model_len = 512,
                                                            .max_num_seqs = 1,
                                                            .max_num_batched_tokens = kChunk,
                                                            .kv_by_window = by_window});
  }
  std::shared_ptr<model::Model> model_;
};

TEST_P(WindowGolden, LogitsHaveTheSameBitsWhateverIsGivenBack) {
  const auto whole = session(false), grouped = session(true);
  EXPECT_LT(grouped->options().kv_bytes, whole->options().kv_bytes * 3 / 4);
  const std::vector<Token> tokens = random_tokens(kTokens, whole->n_vocab());
  for (int chunk : {kChunk, 7, 1}) {
    whole->rewind(0);
    grouped->rewind(0);
    for (int i = 0; i < kTokens;) {
      const int n = std::min(chunk, kTokens - i);
      const float* expected = whole->append(std::span(tokens).subspan(i, n));
      const std::vector<float> last(expected, expected + whole->n_vocab());
      const float* got = grouped->append(std::span(tokens).subspan(i, n));
      ASSERT_TRUE(std::equal(last.begin(), last.end(), got)) << "chunks of " << chunk << ", " << i;
      i += n;
    }
  }
  grouped->rewind(0);
  EXPECT_EQ(grouped->cache().available().pages, grouped->executor().kv().n_page);
}

INSTANTIATE_TEST_SUITE_P(Models, WindowGolden,
                         testing::Values("mistral-window", "gemma2", "gemma3", "gpt_oss"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Gemma 3 270M: 15 layers see 512 positions, 3 see all; one KV head of 256 in f16.
class Gemma : public testing::Test {
 protected:
  static constexpr size_t kLayerBytes = size_t{2} * 256 * 2 * kBlock;   // of a block
  static constexpr int kLocal = 15, kGlobal = 3, kReach = 8;

  /// Of a sequence that goes on after `n` positions.
  static size_t bytes_after(int n) {
    const size_t blocks = (n + kBlock - 1) / kBlock;
    const size_t left = std::max(0, n / kBlock - kReach);
    return kLayerBytes * (kGlobal * blocks + kLocal * (blocks - left));
  }
  const std::shared_ptr<model::Model> model_ =
      model::load(from("STRATA_TEST_MODELS", from("STRATA_SOURCE", ".") + "/build/models") +
                  "/gemma-3-270m.Q4_K_M.gguf");
};

TEST_F(Gemma, ALongContextTakesWhatItsWindowsLeave) {
  EngineOptions options{.threads = 2, .max_model_len = 16384, .max_num_seqs = 1,
                        .kv_bytes = size_t{120} << 20, .kv_share = 1};
  const auto executor = make_executor(*model_, options);
  // Without groups 16,384 positions would take 302 MB.
  ASSERT_GT(kLayerBytes * (kLocal + kGlobal) * (16384 / kBlock), 2 * options.kv_bytes);
  Core core(*executor, {.scheduler = {.kv = executor->kv(),
                                      .max_num_seqs = 1,
                                      .max_num_batched_tokens = 512,
                                      .max_logits = executor->max_logits()}});
  constexpr int kPrompt = 3000;
  Request request;
  request.prompt = random_tokens(kPrompt, 200000);
  request.sampling.max_tokens = 3;
  request.sampling.ignore_eos = true;
  int last = 0, steps = 0;
  core.add(make_live(1, std::move(request), [](const Event&) {}, {}, 16384));
  while (!core.idle()) {
    core.step();
    if (core.scheduler().running().empty()) break;
    last = core.scheduler().running()[0]->n_past;
    ++steps;
    ASSERT_EQ(size_t(core.stats().kv_bytes_used), bytes_after(last)) << "after " << last;
  }
  EXPECT_GE(last, kPrompt);
  EXPECT_GT(steps, kPrompt / 512);
  EXPECT_LT(bytes_after(last), kLayerBytes * (kLocal + kGlobal) * (kPrompt / kBlock) * 2 / 5);
  EXPECT_EQ(core.stats().kv_bytes_used, 0);
}

}  // namespace
}  // namespace strata::engine
