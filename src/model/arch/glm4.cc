// GLM-4-0414: Gemma 2's four norms, half of each head rotated in pairs.
// Source: github.com/zai-org/GLM-4. Golden: tests/golden/glm4.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return sandwich_block(g, w, x, QkNorm::none);
}

const Registry<Family> family({
    .name = "glm4",
    .hf = {"glm4"},
    .n_vocab = 151552,
    .d_ff = 13696,
    .n_layer = 40,
    .n_head_kv = 2,
    .d_head = 128,
    .n_context = 131072,
    .norm_eps = 1.5625e-7,
    .rotated = 0.5,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
});

const Registry<Arch> entry{{.name = "glm4", .block = block}};

}  // namespace
}  // namespace strata::model
