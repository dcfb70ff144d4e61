// Phi 1, 1.5 and 2: attention and MLP side by side behind one layer norm, biases everywhere.
// Source: arXiv:2306.11644 section 2.3. Golden: tests/golden/phi.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  const graph::Tensor a = attention(g, w, y, {.qk_norm = qk_norm_if_stored(g, w)});
  return g.add(g.add(x, a), mlp(g, w, y));
}

const Registry<Family> family({
    .name = "phi2",
    .hf = {"phi"},
    .n_vocab = 51200,
    .d_model = 2048,
    .d_ff = 8192,
    .n_layer = 24,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::gelu_tanh,
    .rotated = 0.5,
});

const Registry<Arch> entry{{.name = "phi2", .block = block}};

}  // namespace
}  // namespace strata::model
