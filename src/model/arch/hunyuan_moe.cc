// Hunyuan-A13B: queries and keys are normalised after they are rotated; a shared expert.
// Source: the publishers' technical report of Hunyuan-A13B, section 2. Golden:
// tests/golden/hunyuan-moe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::heads_after_rope);
}

const Registry<Family> family({
    .name = "hunyuan-moe",
    .hf = {"hunyuan_v1_moe", "hunyuan"},
    .n_vocab = 290943,
    .norm_eps = 1e-5,
    .experts = {.n_expert = 1, .n_used = 1, .normalise = true},
});

const Registry<Arch> entry{{.name = "hunyuan-moe", .block = block}};

}  // namespace
}  // namespace strata::model
