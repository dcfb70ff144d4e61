// Qwen3.5: gated delta nets, every fourth layer gated attention, gated MLPs.
// Source: arXiv:2412.06464 and Qwen3.5's reference code. Golden: tests/golden/qwen3_5.
#include "model/family.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  x = g.add(x, delta_or_attention(g, w, norm(g, w, x, "attn_norm")));
  return g.add(x, gated_mlp(g, w, norm(g, w, x, "post_attention_norm")));
}

const Registry<Family> family({
    .name = "qwen35",
    .hf = {"qwen3_5_text", "qwen3_5"},
    .n_vocab = 248320,
    .d_ff = 12288,
    .n_head = 16,
    .n_head_kv = 4,
    .d_head = 256,
    .n_context = 32768,
    .rotated = 0.25,
    .gain_minus_one_in_hf = true,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"},
                   {"linear_attn.in_proj_qkv", "attn_qkv"},
                   {"linear_attn.in_proj_z", "attn_gate"},
                   {"linear_attn.in_proj_b", "ssm_beta"},
                   {"linear_attn.in_proj_a", "ssm_alpha"},
                   {"linear_attn.conv1d", "ssm_conv1d"},
                   {"linear_attn.dt_bias", "ssm_dt.bias"},
                   {"linear_attn.A_log", "ssm_a"},
                   {"linear_attn.norm", "ssm_norm"},
                   {"linear_attn.out_proj", "ssm_out"}},
    .adjust_hf = delta_net_hf,
    .adjust_gguf = tiled_delta_net_gguf,
});

const Registry<Arch> entry{{.name = "qwen35", .block = block}};

}  // namespace
}  // namespace strata::model
