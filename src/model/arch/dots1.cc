// dots.llm1: Qwen3's attention; DeepSeek-V3's experts after some dense layers.
// Source: arXiv:2506.05767 section 2. Golden: tests/golden/dots1.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::heads);
}

const Registry<Family> family({
    .name = "dots1",
    .hf = {"dots1"},
    .n_vocab = 152064,
    .d_model = 4608,
    .d_ff = 10944,
    .n_layer = 62,
    .n_head_kv = 32,
    .experts = {.scoring = kernel::Scoring::sigmoid, .n_expert = 128, .n_used = 6},
});

const Registry<Arch> entry{{.name = "dots1", .block = block}};

}  // namespace
}  // namespace strata::model
