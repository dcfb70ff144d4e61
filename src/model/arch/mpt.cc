// MPT: layer norms without biases, ALiBi, optionally limited projections.
// Source: github.com/mosaicml/llm-foundry. Golden: tests/golden/mpt.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

void adjust(const HfConfig& config, Hyper& h) {
  const auto attention = config.object("attn_config");
  if (!attention) return;
  const auto real = [&](const char* key, double absent) {
    return static_cast<float>(checked(key, attention->real(key).value_or(absent), 0.0, 1e9));
  };
  h.alibi_bias_max = real("alibi_bias_max", h.alibi_bias_max);
  h.clip_qkv = real("clip_qkv", 0);
  h.attn_scale = real("softmax_scale", 0);
  if (!attention->boolean("alibi").value_or(true)) {
    h.alibi_bias_max = 0;
    h.learned_positions = config.boolean("learned_pos_emb").value_or(true);
  }
}

const Registry<Family> family({
    .name = "mpt",
    .hf = {"mpt"},
    .n_vocab = 50368,
    .d_model = 2048,
    .n_layer = 24,
    .n_head = 16,
    .d_ff_per_d_model = 4,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::gelu,
    .mha = true,
    .alibi_bias_max = 8,
    .rotated = 0,
    .adjust_hf = adjust,
});

const Registry<Arch> entry{{.name = "mpt", .block = pre_norm_mlp_block}};

}  // namespace
}  // namespace strata::model
