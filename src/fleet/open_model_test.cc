// Real engines that come and go: the tiny checkpoints of tests/golden, whose greedy tokens are
// known, so that an answer from the wrong model or from freed memory shows.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/log.h"
#include "fleet/fleet.h"

namespace strata::fleet {
namespace {

using Json = nlohmann::json;

// Those whose best token leads clearly, so that rounding cannot change it.
const char* const names[] = {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "mistral-window",
                             "phi3", "gpt2", "opt", "glm4"};
constexpr size_t n_compared = 3;   // tokens

std::filesystem::path golden(const std::string& name) {
  const char* root = std::getenv("STRATA_SOURCE");
  return std::filesystem::path(root ? root : ".") / "tests" / "golden" / name;
}

struct Expected {
  std::vector<engine::Token> prompt, greedy;
};

Expected expected_of(const std::string& name) {
  std::ifstream in(golden(name) / "golden.json");
  const Json c = Json::parse(in).at("cases").at(0);
  std::vector<engine::Token> greedy = c["greedy"];
  greedy.resize(n_compared);
  return {c["prompt"], std::move(greedy)};
}

ModelSpec spec_of(const std::string& name) {
  ModelSpec spec{.names = {name}, .path = golden(name).string()};
  spec.engine = {.threads = 2,
                 .precision = engine::Precision::exact,
                 .max_model_len = 128,
                 .max_num_seqs = 4,
                 .max_num_batched_tokens = 64,
                 .kv_bytes = 1 << 20};
  return spec;
}

std::vector<engine::Token> ask(Model& model, const Expected& expected) {
  std::promise<void> ended;
  std::vector<engine::Token> tokens;
  engine::Request request;
  request.prompt = expected.prompt;
  request.sampling.temperature = 0;
  request.sampling.ignore_eos = true;
  request.sampling.max_tokens = n_compared;
  model.backend->submit(std::move(request), [&](const engine::Event& event) {
    for (const auto& g : event.tokens) tokens.push_back(g.token);
    if (event.finish != engine::Finish::none) ended.set_value();
  });
  ended.get_future().wait();
  return tokens;
}

TEST(OpenModel, AThousandSwitchesAmongTenWhereThreeFit) {
  log::set_level(log::Level::warn);
  size_t largest = 0;
  std::vector<ModelSpec> specs;
  std::vector<Expected> expected;
  for (const char* name : names) {
    specs.push_back(spec_of(name));
    expected.push_back(expected_of(name));
    largest = std::max(largest, open_model(specs.back())->bytes());
  }
  const size_t limit = 3 * largest;
  Fleet fleet(specs, open_model, {.memory_bytes = limit});
  constexpr int threads = 4, switches = STRATA_TEST_SHORT ? 40 : 1000;
  std::atomic<int> left = 4 * switches;   // requests, so that it ends even without switches
  std::atomic<int> wrong = 0;
  auto loads = [&] {
    int n = 0;
    for (const ModelState& state : fleet.list()) n += state.loads;
    return n;
  };
  std::vector<std::thread> clients;
  for (int t = 0; t < threads; ++t)
    clients.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      while (--left >= 0 && loads() < switches) {
        const size_t i = random() % std::size(names);
        const Lease lease = fleet.wait_for(names[i]);
        wrong += ask(*lease, expected[i]) != expected[i].greedy;
        EXPECT_LE(fleet.memory_used(), limit);
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_GE(loads(), switches);
  EXPECT_EQ(wrong, 0);
}

TEST(OpenModel, BytesAreWhatIsAllocated) {
  const std::unique_ptr<OpenedModel> opened = open_model(spec_of("llama"));
  // Weights of the file in float32 and the cache asked for, at least.
  EXPECT_GT(opened->bytes(), std::filesystem::file_size(golden("llama") / "model.safetensors") / 2 +
                                 (1 << 19));
  std::vector<double> progress;
  const auto backend = opened->load([&](double part) { progress.push_back(part); });
  EXPECT_EQ(backend->info().max_model_len, 128);
  ASSERT_FALSE(progress.empty());
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_LE(progress.back(), 1);
}

TEST(OpenModel, EncodersMakeVectors) {
  Fleet fleet({{.names = {"bert"}, .path = golden("bert").string()}}, open_model, {});
  const Lease lease = fleet.wait_for("bert");
  const Backend::Info info = lease->backend->info();
  EXPECT_GT(info.embedding_width, 0);
  std::promise<std::vector<std::vector<float>>> done;
  lease->backend->embed({{5, 6, 7}}, [&](auto vectors, const std::string& error) {
    EXPECT_EQ(error, "");
    done.set_value(std::move(vectors));
  });
  EXPECT_EQ(done.get_future().get().at(0).size(), static_cast<size_t>(info.embedding_width));
}

}  // namespace
}  // namespace strata::fleet
