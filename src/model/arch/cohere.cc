// Command R: attention and MLP side by side behind one layer norm, scaled logits.
// Source: the publisher's code in transformers (models/cohere). Golden: tests/golden/cohere.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  const graph::Tensor a = attention(g, w, y, {.qk_norm = qk_norm_if_stored(g, w)});
  return g.add(g.add(x, a), gated_mlp(g, w, y));
}

const Registry<Family> family({
    .name = "command-r",
    .hf = {"cohere"},
    .n_vocab = 256000,
    .d_model = 8192,
    .d_ff = 22528,
    .n_layer = 40,
    .n_head = 64,
    .n_context = 8192,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .rope_theta = 500000,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .logit_scale = 0.0625,
});

const Registry<Arch> entry{{.name = "command-r", .block = block}};

}  // namespace
}  // namespace strata::model
