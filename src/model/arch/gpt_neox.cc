// GPT-NeoX and Pythia: attention and MLP side by side, each behind its own layer norm.
// Source: arXiv:2204.06745 section 2.1. Golden: tests/golden/gpt_neox.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor sum = g.add(x, attention(g, w, norm(g, w, x, "attn_norm")));
  return g.add(sum, mlp(g, w, norm(g, w, w.h.parallel ? x : sum, "ffn_norm")));
}

const Registry<Family> family({
    .name = "gptneox",
    .hf = {"gpt_neox"},
    .n_vocab = 50432,
    .d_model = 6144,
    .d_ff = 24576,
    .n_layer = 44,
    .n_head = 64,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::gelu,
    .mha = true,
    .parallel = true,
    .rotated = 0.25,
    .qkv_by_group_in_hf = true,
});

const Registry<Arch> entry{{.name = "gptneox", .block = block}};

}  // namespace
}  // namespace strata::model
