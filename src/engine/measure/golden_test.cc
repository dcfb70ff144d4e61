// Every golden (tests/golden, answers of transformers in float32): in one piece, in chunks, token
// by token and batched with other prompts; a few on every instruction set that the machine has, the
// others on the best.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/embedder.h"
#include "engine/measure/logits.h"
#include "kernel/level.h"
#include "kernel/ops.h"
#include "model/arch.h"

namespace strata::engine {
namespace {

using Json = nlohmann::json;

std::filesystem::path golden_root() {
  const char* root = std::getenv("STRATA_SOURCE");
  return std::filesystem::path(root ? root : ".") / "tests" / "golden";
}

struct Case {
  std::vector<Token> prompt, argmax_all, greedy;
  std::vector<float> last_logits;
  double margin = 0;
};

std::vector<Case> read_cases(const std::string& folder) {
  std::ifstream in(golden_root() / folder / "golden.json");
  EXPECT_TRUE(in) << "no golden.json in " << golden_root() / folder;
  const Json golden = Json::parse(in);
  std::vector<Case> cases;
  for (const Json& c : golden.at("cases")) {
    cases.push_back({c["prompt"], c["argmax_all"], c["greedy"], c["last_logits"],
                     c["greedy_margin_min"]});
  }
  EXPECT_FALSE(cases.empty());
  return cases;
}

// 2e-3 x max(1, largest absolute logit), as the goldens' README says.
double tolerance(const Case& c) {
  double largest = 1;
  for (float l : c.last_logits) largest = std::max(largest, std::abs(double{l}));
  return 2e-3 * largest;
}

void expect_logits(const Case& c, const float* got, const std::string& how) {
  double worst = 0;
  for (size_t i = 0; i < c.last_logits.size(); ++i)
    worst = std::max(worst, std::abs(double{got[i]} - c.last_logits[i]));
  EXPECT_LE(worst, tolerance(c)) << how;
}

// A different token is no error where the reference's own margin is within the tolerance.
void expect_greedy(const Case& c, const std::vector<Token>& got, const std::string& how) {
  if (c.margin > 2 * tolerance(c)) {
    EXPECT_EQ(got, c.greedy) << how;
  } else {
    EXPECT_EQ(got.size(), c.greedy.size()) << how;
  }
}

EngineOptions exact_options() {
  return {.threads = 2, .precision = Precision::exact, .max_model_len = 512, .max_num_seqs = 4,
          .max_num_batched_tokens = 64};
}

// Between them they have every operation.
const std::set<std::string> every_isa = {"llama", "gemma2", "gpt2", "bloom-alibi", "cohere2"};

std::vector<kernel::Isa> levels(const std::string& golden) {
  if (!every_isa.count(golden)) return {kernel::isa_level()};
  const auto all = kernel::isa_available();
  return {all.begin(), all.end()};
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, MatchesReferenceInEveryPiecing) {
  const auto model = model::load((golden_root() / GetParam()).string());
  const std::vector<Case> cases = read_cases(GetParam());
  const kernel::Isa best = kernel::isa_level();
  for (kernel::Isa isa : levels(GetParam())) {
    kernel::isa_override(isa);
    Session session(*model, exact_options());
    for (const Case& c : cases) {
      for (int chunk : {0, 7, 1}) {
        const std::string how = fmt::format("{} {} chunk {} prompt of {}", GetParam(),
                                            kernel::isa_name(isa), chunk, c.prompt.size());
        const LogitsReport r =
            evaluate_logits(session, c.prompt, static_cast<int>(c.greedy.size()), chunk);
        expect_logits(c, r.last_logits.data(), how);
        EXPECT_EQ(r.argmax_all, c.argmax_all) << how;
        expect_greedy(c, r.greedy, how);
      }
    }
  }
  kernel::isa_override(best);
}

// All cases as sequences of one batch, each with scattered blocks; then decoded together.
TEST_P(Golden, MatchesReferenceInABatch) {
  const auto model = model::load((golden_root() / GetParam()).string());
  const std::vector<Case> cases = read_cases(GetParam());
  EngineOptions options = exact_options();
  GraphExecutor executor(*model, options);
  KvCache cache(executor.kv(), false, executor);
  const int64_t vocab = executor.n_vocab();
  // Two blocks each, neither adjacent nor in order.
  std::vector<BlockTable> tables(cases.size());
  for (BlockTable& table : tables) ASSERT_TRUE(cache.extend(table));
  for (auto table = tables.rbegin(); table != tables.rend(); ++table)
    ASSERT_TRUE(cache.extend(*table));
  std::vector<Token> tokens;
  std::vector<StepSequence> batch;
  for (size_t i = 0; i < cases.size(); ++i) {
    const int n = static_cast<int>(cases[i].prompt.size());
    const int32_t state = executor.n_state() > 0 ? static_cast<int32_t>(i) : -1;
    batch.push_back({static_cast<int64_t>(tokens.size()), n, 0, tables[i].blocks, 1, state});
    tokens.insert(tokens.end(), cases[i].prompt.begin(), cases[i].prompt.end());
  }
  const float* logits = executor.run({tokens, batch, cache.pages().map()});
  std::vector<std::vector<Token>> greedy(cases.size());
  for (size_t i = 0; i < cases.size(); ++i)
    expect_logits(cases[i], logits + static_cast<int64_t>(i) * vocab, GetParam() + " batched");
  for (size_t step = 0; step < cases[0].greedy.size(); ++step) {
    for (size_t i = 0; i < cases.size(); ++i) {
      const float* row = logits + static_cast<int64_t>(i) * vocab;
      greedy[i].push_back(static_cast<Token>(kernel::argmax(row, vocab)));
    }
    tokens.clear();
    for (size_t i = 0; i < cases.size(); ++i) {
      const int past = batch[i].n_past + batch[i].n_token;
      cache.pass(tables[i], past);
      batch[i] = {static_cast<int64_t>(i), 1, past, tables[i].blocks, 1, batch[i].state};
      tokens.push_back(greedy[i].back());
    }
    logits = executor.run({tokens, batch, cache.pages().map()});
  }
  for (size_t i = 0; i < cases.size(); ++i)
    expect_greedy(cases[i], greedy[i], GetParam() + " batched");
}

class GoldenEncoder : public testing::TestWithParam<std::string> {};

// Every prompt alone and all in one batch; the first row and the mean of all.
TEST_P(GoldenEncoder, MatchesReference) {
  const auto model = model::load((golden_root() / GetParam()).string());
  std::ifstream in(golden_root() / GetParam() / "golden.json");
  const Json golden = Json::parse(in);
  std::vector<std::vector<Token>> prompts;
  for (const Json& c : golden.at("cases")) prompts.push_back(c.at("prompt"));
  ASSERT_FALSE(prompts.empty());
  for (auto [pooling, key] : {std::pair{model::Pooling::first, "first"},
                              std::pair{model::Pooling::mean, "last_hidden_state_mean"}}) {
    Embedder embedder(model, {.threads = 2, .precision = Precision::exact, .pooling = pooling,
                              .normalise = false, .max_num_batched_tokens = 64});
    std::vector<std::vector<float>> got = embedder.embed(prompts);
    for (const auto& prompt : prompts) got.push_back(embedder.embed({prompt})[0]);
    for (size_t i = 0; i < got.size(); ++i) {
      const std::vector<float> want = golden["cases"][i % prompts.size()].at(key);
      ASSERT_EQ(got[i].size(), want.size());
      double largest = 1, worst = 0;
      for (size_t j = 0; j < want.size(); ++j) {
        largest = std::max(largest, std::abs(double{want[j]}));
        worst = std::max(worst, std::abs(double{got[i][j]} - want[j]));
      }
      EXPECT_LE(worst, 2e-3 * largest) << key << " of prompt " << i % prompts.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, GoldenEncoder,
                         testing::Values("bert", "xlm-roberta", "modernbert", "nomic_bert"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Threads that are left out (ThreadPool::adapt) change who computes what, never the result.
class Narrowed : public testing::TestWithParam<std::string> {};

TEST_P(Narrowed, LogitsHaveTheSameBits) {
  const auto model = model::load((golden_root() / GetParam()).string());
  EngineOptions options = exact_options();
  options.threads = 5;
  options.pin = false;
  options.precision = Precision::fast;
  Session session(*model, options);
  const Case c = read_cases(GetParam()).front();
  const auto logits = [&] {
    session.rewind(0);
    const float* last = session.append(c.prompt);
    std::vector<float> found(last, last + session.n_vocab());
    last = session.append(std::span(c.greedy).first(1));
    found.insert(found.end(), last, last + session.n_vocab());
    return found;
  };
  const std::vector<float> all = logits();
  for (const int threads : {4, 1, 2, 5, 3}) {
    session.executor().pool().narrow(threads);
    EXPECT_EQ(logits(), all) << threads << " of 5 threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Narrowed,
                         testing::Values("llama", "gemma2", "mixtral", "deepseek_v2", "mamba2",
                                         "qwen3_next", "falcon_h1"),
                         [](const auto& info) { return info.param; });

TEST(Architectures, EveryFileRegistersOne) {
  const std::filesystem::path folder = golden_root() / ".." / ".." / "src" / "model" / "arch";
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    files += file.path().extension() == ".cc";
  EXPECT_EQ(files, Registry<model::Arch>::count()) << model::arch_names();
}

INSTANTIATE_TEST_SUITE_P(Architectures, Golden,
                         testing::Values("llama", "llama-tied-bias", "llama-yarn", "llama3-rope",
                                         "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3",
                                         "gemma", "baichuan2-7b", "baichuan2-13b",
                                         "bloom-alibi", "mpt", "cohere", "cohere2", "ernie4_5",
                                         "exaone4", "falcon", "glm", "glm4", "gpt2", "gpt_neox",
                                         "gptj", "granite", "hunyuan-dense", "internlm2",
                                         "internlm3", "nemotron", "olmo2", "olmo3", "opt", "phi",
                                         "phi3", "smollm3", "stablelm", "starcoder2", "telechat2",
                                         "cohere-qk-norm", "falcon-7b", "falcon-rw",
                                         "opt-norm-behind", "phi3-longrope", "stablelm-qk-norm",
                                         "mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "phimoe",
                                         "granitemoe", "dots1", "ernie4_5_moe", "glm4_moe",
                                         "hunyuan-moe", "minimax_m2", "gpt_oss", "deepseek_v2",
                                         "deepseek_v3", "deepseek_v3-yarn", "minicpm3",
                                         "mamba", "mamba2", "falcon_h1", "lfm2", "qwen3_5",
                                         "qwen3_next",
                                         "mamba-odd", "mamba2-groups", "lfm2-conv",
                                         "falcon_h1-factors", "qwen3_5-heads"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata::engine
