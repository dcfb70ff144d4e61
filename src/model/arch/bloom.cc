// BLOOM: layer norms, also of the embeddings; ALiBi; q, k and v of each head side by side.
// Source: arXiv:2211.05100 section 3.2. Golden: tests/golden/bloom-alibi.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  graph::Tensor y = norm(g, w, x, "attn_norm");
  x = g.add(w.h.residual_of_norm ? y : x, attention(g, w, y));
  y = norm(g, w, x, "ffn_norm");
  return g.add(w.h.residual_of_norm ? y : x, mlp(g, w, y));
}

const Registry<Family> family({
    .name = "bloom",
    .hf = {"bloom"},
    .n_vocab = 250880,
    .d_model = 64,
    .n_layer = 2,
    .n_head = 8,
    .d_ff_per_d_model = 4,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .mha = true,
    .alibi_bias_max = 8,
    .embedding_norm = true,
    .rotated = 0,
    .qkv_by_group_in_hf = true,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          h.residual_of_norm =
              config.boolean("apply_residual_connection_post_layernorm").value_or(false);
        },
});

const Registry<Arch> entry{{.name = "bloom", .block = block}};

}  // namespace
}  // namespace strata::model
