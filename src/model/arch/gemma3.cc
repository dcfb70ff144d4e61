// Gemma 3: Gemma 2's norms, QK norms instead of soft caps, five local layers to a global one.
// Source: arXiv:2503.19786 section 2. Golden: tests/golden/gemma3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return sandwich_block(g, w, x, QkNorm::heads);
}

const Registry<Family> family({
    .name = "gemma3",
    .hf = {"gemma3_text", "gemma3"},
    .n_vocab = 262208,
    .d_model = 2304,
    .d_ff = 9216,
    .n_layer = 26,
    .n_head = 8,
    .n_head_kv = 4,
    .d_head = 256,
    .n_context = 131072,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .rope_theta = 1e6,
    .rope_theta_local = 1e4,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 6,
    .gain_minus_one_in_hf = true,
    .scaled_embedding = true,
    .query_scalar = 256,
    .layers_scaled_by_width = 62,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
});

const Registry<Arch> entry{{.name = "gemma3", .block = block}};

}  // namespace
}  // namespace strata::model
