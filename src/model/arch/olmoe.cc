// OLMoE: queries and keys are normalised whole, before they are cut into heads.
// Source: arXiv:2409.02060 section 2. Golden: tests/golden/olmoe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::whole);
}

const Registry<Family> family({
    .name = "olmoe",
    .hf = {"olmoe"},
    .n_vocab = 50304,
    .d_model = 2048,
    .d_ff = 2048,
    .n_layer = 16,
    .n_head = 16,
    .n_context = 4096,
    .norm_eps = 1e-5,
    .experts = {.n_expert = 64, .n_used = 8},
});

const Registry<Arch> entry{{.name = "olmoe", .block = block}};

}  // namespace
}  // namespace strata::model
