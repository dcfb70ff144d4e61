// Experts and latent attention as published files spell them, old and new.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/format/hf_config.h"
#include "model/format/value.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using kernel::Scoring;
using nlohmann::json;

Hyper from(const json& config) {
  Hyper h = read_hyper_hf(HfConfig(config.dump(), "config.json"));
  check_hyper(h);
  return h;
}

// What the publishers wrote for DeepSeek-V3.
json deepseek() {
  return {{"model_type", "deepseek_v3"}, {"first_k_dense_replace", 3}, {"hidden_size", 7168},
          {"kv_lora_rank", 512}, {"max_position_embeddings", 163840}, {"n_group", 8},
          {"n_routed_experts", 256}, {"num_experts_per_tok", 8}, {"num_nextn_predict_layers", 1},
          {"qk_nope_head_dim", 128}, {"qk_rope_head_dim", 64}, {"v_head_dim", 128},
          {"rope_theta", 10000}, {"routed_scaling_factor", 2.5}, {"scoring_func", "sigmoid"},
          {"topk_group", 4}, {"topk_method", "noaux_tc"},
          {"rope_scaling",
           {{"beta_fast", 32}, {"beta_slow", 1}, {"factor", 40}, {"mscale", 1.0},
            {"mscale_all_dim", 1.0}, {"original_max_position_embeddings", 4096},
            {"type", "yarn"}}}};
}

TEST(HyperExperts, DeepSeekAsPublished) {
  const Hyper h = from(deepseek());
  EXPECT_EQ(h.experts.n_expert, 256);
  EXPECT_EQ(h.experts.n_used, 8);
  EXPECT_EQ(h.experts.scoring, Scoring::sigmoid);
  EXPECT_EQ(h.experts.n_group, 8);
  EXPECT_EQ(h.experts.n_group_used, 4);
  EXPECT_TRUE(h.experts.group_by_two && h.experts.normalise);
  EXPECT_EQ(h.experts.scale, 2.5f);
  EXPECT_EQ(h.n_nextn, 1);
  EXPECT_EQ(h.latent.rank, 512);
  EXPECT_EQ(h.d_head, 192);
  EXPECT_EQ(h.rope.d, 64);
  EXPECT_TRUE(h.rope.interleaved);
  const double m = 0.1 * std::log(40.0) + 1;
  EXPECT_FLOAT_EQ(h.scale(), static_cast<float>(m * m / std::sqrt(192.0)));
  EXPECT_NEAR(h.rope.attn_factor, 1, 1e-12);
}

TEST(HyperExperts, PublishersNamesAndDefaults) {
  const Hyper ernie = from({{"model_type", "ernie4_5_moe"}, {"moe_num_experts", 16}, {"moe_k", 3}});
  EXPECT_EQ(ernie.experts.n_expert, 16);
  EXPECT_EQ(ernie.experts.n_used, 3);
  EXPECT_TRUE(ernie.experts.normalise);
  const Hyper hunyuan = from({{"model_type", "hunyuan_v1_moe"}, {"num_experts", 64},
                              {"moe_topk", json::array({8, 8, 8})}});
  EXPECT_EQ(hunyuan.experts.n_used, 8);
  const Hyper qwen = from({{"model_type", "qwen2_moe"}});
  EXPECT_EQ(qwen.experts.n_expert, 60);
  EXPECT_FALSE(qwen.experts.normalise);
  // Groups are there, but the published method chooses from all experts.
  const Hyper lite = from({{"model_type", "deepseek_v2"}, {"n_group", 4}, {"topk_group", 2},
                           {"topk_method", "greedy"}});
  EXPECT_EQ(lite.experts.n_group, 1);
  const Hyper oss = from({{"model_type", "gpt_oss"}});
  EXPECT_EQ(oss.rope.scaling, RopeScaling::yarn);
  EXPECT_FALSE(oss.rope.truncate);
  EXPECT_EQ(oss.expert_clamp, 7);
  EXPECT_EQ(oss.window[0], 128);
  EXPECT_EQ(oss.window[1], 0);
}

TEST(HyperExperts, TheImpossibleIsNamed) {
  const auto message = [](json config) -> std::string {
    try {
      from(config);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  json config = deepseek();
  config["num_experts_per_tok"] = 300;
  EXPECT_NE(message(config).find("300 of 256 experts"), std::string::npos) << message(config);
  config = deepseek();
  config["n_group"] = 7;
  EXPECT_NE(message(config).find("7 groups"), std::string::npos) << message(config);
  config = deepseek();
  config["kv_lora_rank"] = 0;
  EXPECT_NE(message(config).find("'kv_lora_rank' is 0"), std::string::npos) << message(config);
}

TEST(HyperExperts, GgufFilesOfDeepSeek) {
  Metadata m;
  const auto set = [&](const char* tail, Value value) {
    m.values[std::string("deepseek2.") + tail] = std::move(value);
  };
  m.values["general.architecture"] = {std::string("deepseek2")};
  set("block_count", {uint64_t{62}});
  set("nextn_predict_layers", {uint64_t{1}});
  set("embedding_length", {uint64_t{7168}});
  set("feed_forward_length", {uint64_t{18432}});
  set("attention.head_count", {uint64_t{128}});
  set("attention.head_count_kv", {uint64_t{1}});
  set("attention.key_length", {uint64_t{576}});
  set("attention.value_length", {uint64_t{512}});
  set("attention.key_length_mla", {uint64_t{192}});
  set("attention.value_length_mla", {uint64_t{128}});
  set("attention.kv_lora_rank", {uint64_t{512}});
  set("attention.layer_norm_rms_epsilon", {1e-6});
  set("context_length", {uint64_t{163840}});
  set("rope.dimension_count", {uint64_t{64}});
  set("rope.scaling.type", {std::string("yarn")});
  set("rope.scaling.factor", {40.0});
  set("rope.scaling.original_context_length", {uint64_t{4096}});
  set("rope.scaling.yarn_log_multiplier", {0.1});
  set("vocab_size", {uint64_t{129280}});
  set("expert_count", {uint64_t{256}});
  set("expert_used_count", {uint64_t{8}});
  set("expert_gating_func", {uint64_t{2}});
  set("expert_group_count", {uint64_t{8}});
  set("expert_group_used_count", {uint64_t{4}});
  set("expert_weights_norm", {true});
  set("expert_weights_scale", {2.5});
  Hyper h = read_hyper_gguf(m, 0, {});
  check_hyper(h);
  const Hyper published = from(deepseek());
  EXPECT_EQ(h.n_layer, 61);
  EXPECT_EQ(h.n_nextn, 1);
  EXPECT_EQ(h.latent.d_nope, published.latent.d_nope);
  EXPECT_EQ(h.latent.d_v, published.latent.d_v);
  EXPECT_FLOAT_EQ(h.scale(), published.scale());
  EXPECT_NEAR(h.rope.attn_factor, 1, 1e-12);
  EXPECT_EQ(h.experts.scoring, Scoring::sigmoid);
  EXPECT_EQ(h.experts.n_group_used, 4);
  EXPECT_EQ(h.experts.scale, 2.5f);
}

}  // namespace
}  // namespace strata::model
