// Qwen3-Next: gated delta nets, each fourth layer gated attention; experts with a gated shared one.
// Source: arXiv:2412.06464 and Qwen3-Next's reference code. Golden: tests/golden/qwen3_next.
#include "model/family.h"
#include "model/format/value.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  x = g.add(x, delta_or_attention(g, w, norm(g, w, x, "attn_norm")));
  return g.add(x, feed_forward(g, w, norm(g, w, x, "post_attention_norm")));
}

// GGUF files leave unsaid that the weights of the chosen experts sum to 1.
void adjust_gguf(const Metadata& metadata, Hyper& h) {
  delta_net_gguf(metadata, h);
  if (!metadata.has("qwen3next.expert_weights_norm")) h.experts.normalise = true;
}

const Registry<Family> family({
    .name = "qwen3next",
    .hf = {"qwen3_next"},
    .n_vocab = 151936,
    .d_model = 2048,
    .d_ff = 5632,
    .n_layer = 48,
    .n_head = 16,
    .n_head_kv = 2,
    .d_head = 256,
    .n_context = 32768,
    .rotated = 0.25,
    .gain_minus_one_in_hf = true,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"},
                   {"linear_attn.in_proj_qkvz", "ssm_in"},
                   {"linear_attn.in_proj_ba", "ssm_ba"},
                   {"linear_attn.conv1d", "ssm_conv1d"},
                   {"linear_attn.dt_bias", "ssm_dt.bias"},
                   {"linear_attn.A_log", "ssm_a"},
                   {"linear_attn.norm", "ssm_norm"},
                   {"linear_attn.out_proj", "ssm_out"}},
    .experts = {.n_expert = 512, .n_used = 10, .normalise = true},
    .adjust_hf = delta_net_hf,
    .adjust_gguf = adjust_gguf,
});

const Registry<Arch> entry{{.name = "qwen3next", .block = block}};

}  // namespace
}  // namespace strata::model
