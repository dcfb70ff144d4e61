// Adapters added to golden checkpoints: the logits are those of the models that PEFT merges.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "engine/measure/logits.h"
#include "model/convert/convert.h"
#include "model/lora/adapter.h"
#include "model/lora/merged.h"
#include "model/testing/files.h"

namespace strata::engine {
namespace {

using model::AdapterChoice;
using model::testing::golden;
using model::testing::TemporaryFolder;
using Json = nlohmann::json;

struct Case {
  const char* base;
  const char* adapter;   // under tests/golden/lora
  bool gguf;             // the base model's format
};

void merge(const std::string& base, const AdapterChoice& choice, const std::string& out) {
  model::convert(*model::merged(model::open_store(base), {&choice, 1}), out,
                 {.type = "f32", .threads = 2});
}

std::vector<float> last_logits(const std::string& path, const std::vector<Token>& prompt) {
  const auto model = model::load(path);
  Session session(*model, {.threads = 2,
                           .precision = Precision::exact,
                           .max_model_len = 64,
                           .max_num_seqs = 1,
                           .max_num_batched_tokens = 64});
  return evaluate_logits(session, prompt, 0).last_logits;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 1, worst = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    most = std::max(most, std::abs(double{b[i]}));
    worst = std::max(worst, std::abs(double{a[i]} - b[i]));
  }
  return worst / most;
}

class Lora : public ::testing::TestWithParam<Case> {};

TEST_P(Lora, MergedModelComputesTheReference) {
  const TemporaryFolder folder;
  const std::string base = folder / (GetParam().gguf ? "base.gguf" : "base");
  model::convert(*model::open_store(golden(GetParam().base)), base, {.type = "f32", .threads = 2});
  const Json json = Json::parse(model::testing::read_text(
      golden("lora/") + GetParam().base + "/golden.json"));
  const std::vector<Token> prompt = json.at("prompt");
  const std::vector<float> want = json.at("last_logits");
  const std::string adapter = golden("lora/") + GetParam().adapter;
  merge(base, {.path = adapter}, folder / "merged.gguf");
  EXPECT_LE(worst(last_logits(folder / "merged.gguf", prompt), want), 2e-3);

  // Twice the half is the whole, and nothing is what it was.
  merge(base, {.path = adapter, .scale = 0.5f}, folder / "half.gguf");
  merge(folder / "half.gguf", {.path = adapter, .scale = 0.5f}, folder / "twice.gguf");
  EXPECT_LE(worst(last_logits(folder / "twice.gguf", prompt), want), 2e-3);
  merge(base, {.path = adapter, .scale = 0}, folder / "none.gguf");
  EXPECT_LE(worst(last_logits(folder / "none.gguf", prompt), last_logits(base, prompt)), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Adapters, Lora,
    ::testing::Values(Case{"llama", "llama", false}, Case{"llama", "llama", true},
                      Case{"llama", "llama/adapter.gguf", false},
                      Case{"llama", "llama/adapter.gguf", true}, Case{"gpt2", "gpt2", false},
                      Case{"gpt2", "gpt2", true}),
    [](const auto& info) {
      std::string name = std::string(info.param.adapter) + (info.param.gguf ? "_gguf" : "_hf");
      for (char& c : name) c = std::isalnum(c) ? c : '_';
      return name;
    });

/// What merging says of a copy of the adapter with one setting or file changed.
Code refused(const std::function<void(const std::string& folder)>& change) {
  const TemporaryFolder folder;
  const std::string adapter = folder / "adapter";
  std::filesystem::copy(golden("lora/llama"), adapter);
  change(adapter);
  const AdapterChoice choice{.path = adapter};
  try {
    model::merged(model::open_store(golden("llama")), {&choice, 1});
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(adapter), std::string::npos) << e.what();
    return e.code();
  }
  ADD_FAILURE() << "nothing was refused";
  return Code::internal;
}

void set(const std::string& folder, const char* key, Json value) {
  const std::string path = folder + "/adapter_config.json";
  Json config = Json::parse(model::testing::read_text(path));
  config[key] = std::move(value);
  std::ofstream(path) << config;
}

TEST(LoraFiles, WhatIsNoProductIsRefused) {
  const auto with = [](const char* key, Json value) {
    return refused([&](const std::string& folder) { set(folder, key, value); });
  };
  EXPECT_EQ(with("use_dora", true), Code::unimplemented);
  EXPECT_EQ(with("modules_to_save", {"lm_head"}), Code::unimplemented);
  EXPECT_EQ(with("alpha_pattern", {{"q_proj", 3}}), Code::unimplemented);
  EXPECT_EQ(with("bias", "all"), Code::unimplemented);
  EXPECT_EQ(with("peft_type", "IA3"), Code::unimplemented);
  EXPECT_EQ(with("lora_alpha", "much"), Code::data_loss);
  EXPECT_EQ(refused([](const std::string& folder) {
              std::filesystem::remove(folder + "/adapter_config.json");
            }),
            Code::not_found);
  EXPECT_EQ(refused([](const std::string& folder) {
              std::filesystem::remove(folder + "/adapter_model.safetensors");
            }),
            Code::not_found);
}

TEST(LoraFiles, AnotherModelsAdapterIsRefused) {
  const AdapterChoice choice{.path = golden("lora/llama")};
  try {
    model::merged(model::open_store(golden("gpt2")), {&choice, 1});
    ADD_FAILURE() << "gpt2 has other matrices";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data_loss);
    EXPECT_NE(std::string(e.what()).find("model.layers."), std::string::npos) << e.what();
  }
}

TEST(LoraFiles, NamesMayCarryAScale) {
  EXPECT_EQ(model::parse_adapter("a/b").path, "a/b");
  EXPECT_EQ(model::parse_adapter("a/b").scale, 1);
  EXPECT_EQ(model::parse_adapter("a/b=0.5").path, "a/b");
  EXPECT_EQ(model::parse_adapter("a/b=0.5").scale, 0.5f);
  EXPECT_EQ(model::parse_adapter("a=b/c").path, "a=b/c");
  EXPECT_THROW(model::parse_adapter("a=inf"), Error);
}

}  // namespace
}  // namespace strata::engine
