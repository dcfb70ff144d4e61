// Qwen3-MoE: Qwen3's attention, experts without a shared one.
// Source: arXiv:2505.09388 section 2. Golden: tests/golden/qwen3_moe.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/value.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::heads);
}

// GGUF files leave unsaid what all published models do, unlike the documented default.
void adjust_gguf(const Metadata& metadata, Hyper& h) {
  if (!metadata.has("qwen3moe.expert_weights_norm")) h.experts.normalise = true;
}

const Registry<Family> family({
    .name = "qwen3moe",
    .hf = {"qwen3_moe"},
    .n_vocab = 151936,
    .d_model = 2048,
    .d_ff = 6144,
    .n_layer = 24,
    .n_head_kv = 4,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
    .experts = {.n_expert = 128, .n_used = 8},
    .adjust_gguf = adjust_gguf,
});

const Registry<Arch> entry{{.name = "qwen3moe", .block = block}};

}  // namespace
}  // namespace strata::model
