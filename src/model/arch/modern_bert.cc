// ModernBERT: an encoder with layer norms before each half, gated MLPs, and two layers with a
// window to a global one. Source: arXiv:2412.13663 section 2.1. Golden: tests/golden/modernbert.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  // The embeddings were normalised already.
  x = g.add(x, attention(g, w, w.index == 0 ? x : norm(g, w, x, "attn_norm")));
  return g.add(x, gated_mlp(g, w, norm(g, w, x, "ffn_norm")));
}

const Registry<Family> family({
    .name = "modern-bert",
    .hf = {"modernbert"},
    .n_vocab = 50368,
    .d_model = 768,
    .d_ff = 1152,
    .n_layer = 22,
    .n_head = 12,
    .n_context = 8192,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::gelu,
    .mha = true,
    .encoder = true,
    .embedding_norm = true,
    .rope_theta = 160000,
    .rope_theta_local = 10000,
    .windows = WindowRule::after_first,
    .window = 128,
    .window_pattern = 3,
});

const Registry<Arch> entry{{.name = "modern-bert", .block = block}};

}  // namespace
}  // namespace strata::model
