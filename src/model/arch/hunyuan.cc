// Hunyuan dense: Llama's block, queries and keys normalised behind the rotary embedding.
// Source: the publisher's code in transformers (models/hunyuan_v1_dense). Golden:
// tests/golden/hunyuan-dense.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  x = g.add(x, attention(g, w, y, {.qk_norm = QkNorm::heads_after_rope}));
  return g.add(x, gated_mlp(g, w, norm(g, w, x, "ffn_norm")));
}

const Registry<Family> family({
    .name = "hunyuan-dense",
    .hf = {"hunyuan_v1_dense"},
    .n_vocab = 290943,
    .norm_eps = 1e-5,
});

const Registry<Arch> entry{{.name = "hunyuan-dense", .block = block}};

}  // namespace
}  // namespace strata::model
