// EXAONE 4: norms behind each half, QK norms; where layers have windows, the global ones lack
// positions. Source: arXiv:2507.11407 section 2.1. Golden: tests/golden/exaone4.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return post_norm_block(g, w, x, QkNorm::heads);
}

const Registry<Family> family({
    .name = "exaone4",
    .hf = {"exaone4"},
    .n_vocab = 102400,
    .d_ff = 16384,
    .n_head_kv = 32,
    .norm_eps = 1e-5,
    .no_rope = NoRopeRule::global,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 4,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
});

const Registry<Arch> entry{{.name = "exaone4", .block = block}};

}  // namespace
}  // namespace strata::model
