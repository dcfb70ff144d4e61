// Gemma 2: norms before and after each half, soft caps, alternating sliding windows.
// Source: arXiv:2408.00118 section 2. Golden: tests/golden/gemma2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return sandwich_block(g, w, x, QkNorm::none);
}

const Registry<Family> family({
    .name = "gemma2",
    .hf = {"gemma2"},
    .n_vocab = 256000,
    .d_model = 2304,
    .d_ff = 9216,
    .n_layer = 26,
    .n_head = 8,
    .n_head_kv = 4,
    .d_head = 256,
    .n_context = 8192,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 2,
    .gain_minus_one_in_hf = true,
    .scaled_embedding = true,
    .query_scalar = 256,
    .layers_scaled_by_width = 46,
    .attn_softcap = 50,
    .logit_softcap = 30,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
});

const Registry<Arch> entry{{.name = "gemma2", .block = block}};

}  // namespace
}  // namespace strata::model
