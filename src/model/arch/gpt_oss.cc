// gpt-oss: a sink in every head's softmax, alternating windows, clamped units, biases throughout.
// Source: arXiv:2508.10925 section 2. Golden: tests/golden/gpt_oss.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  x = g.add(x, attention(g, w, norm(g, w, x, "attn_norm")));
  return g.add(x, feed_forward(g, w, norm(g, w, x, "post_attention_norm")));
}

void adjust_hf(const HfConfig& config, Hyper& h) {
  h.expert_clamp = static_cast<float>(config.real("swiglu_limit").value_or(7));
  h.expert_alpha = static_cast<float>(config.real("swiglu_alpha").value_or(1.702));
  h.turned_experts = true;
  if (config.is_object("rope_parameters") || config.is_object("rope_scaling")) return;
  h.rope.scaling = RopeScaling::yarn;
  h.rope.factor = 32;
  h.rope.original_context = 4096;
  h.rope.truncate = false;
  h.rope_local = h.rope;
}

void adjust_gguf(const Metadata&, Hyper& h) {
  h.expert_clamp = 7;
  h.expert_alpha = 1.702f;
  h.rope.truncate = h.rope_local.truncate = false;
}

const Registry<Family> family({
    .name = "gpt-oss",
    .hf = {"gpt_oss"},
    .n_vocab = 201088,
    .d_model = 2880,
    .d_ff = 2880,
    .n_layer = 36,
    .n_head = 64,
    .n_head_kv = 8,
    .d_head = 64,
    .n_context = 131072,
    .norm_eps = 1e-5,
    .rope_theta = 150000,
    .windows = WindowRule::alternating,
    .window = 128,
    .window_pattern = 2,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
    .experts = {.scoring = kernel::Scoring::softmax_of_chosen, .n_expert = 128, .n_used = 4},
    .adjust_hf = adjust_hf,
    .adjust_gguf = adjust_gguf,
});

const Registry<Arch> entry{{.name = "gpt-oss", .block = block}};

}  // namespace
}  // namespace strata::model
