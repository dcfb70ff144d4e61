// OLMo 2: norms behind each half, and of all queries and all keys.
// Source: arXiv:2501.00656 section 3. Golden: tests/golden/olmo2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return post_norm_block(g, w, x, QkNorm::whole);
}

const Registry<Family> family({
    .name = "olmo2",
    .hf = {"olmo2"},
    .n_vocab = 50304,
    .norm_eps = 1e-5,
    .rope_local_unscaled = true,  // OLMo 3 comes by this name in GGUF
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
});

const Registry<Arch> entry{{.name = "olmo2", .block = block}};

}  // namespace
}  // namespace strata::model
