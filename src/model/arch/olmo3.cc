// OLMo 3: OLMo 2's block, three windowed layers to a global one.
// Source: the OLMo 3 report, section 3.2. Golden: tests/golden/olmo3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return post_norm_block(g, w, x, QkNorm::whole);
}

const Registry<Family> family({
    .name = "olmo3",
    .hf = {"olmo3"},
    .n_vocab = 50304,
    .norm_eps = 1e-5,
    .rope_theta = 500000,
    .rope_local_unscaled = true,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 4,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
});

const Registry<Arch> entry{{.name = "olmo3", .block = block}};

}  // namespace
}  // namespace strata::model
