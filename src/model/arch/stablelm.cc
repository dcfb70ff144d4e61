// StableLM 3B and 2: layer norms, a quarter of each head rotated; 12B: side by side, QK norms.
// Source: arXiv:2402.17834 section 2.2. Golden: tests/golden/stablelm.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  const graph::Tensor a = attention(g, w, y, {.qk_norm = qk_norm_if_stored(g, w)});
  x = g.add(x, a);
  // The models with both side by side have one norm.
  return g.add(x, gated_mlp(g, w, g.has(w("ffn_norm")) ? norm(g, w, x, "ffn_norm") : y));
}

const Registry<Family> family({
    .name = "stablelm",
    .hf = {"stablelm"},
    .n_vocab = 50304,
    .d_model = 2560,
    .d_ff = 6912,
    .n_head_kv = 32,
    .n_context = 4096,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .rotated = 0.25,
});

const Registry<Arch> entry{{.name = "stablelm", .block = block}};

}  // namespace
}  // namespace strata::model
