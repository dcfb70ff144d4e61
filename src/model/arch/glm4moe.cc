// GLM-4.5: partly rotated heads; DeepSeek-V3's experts after the first layers.
// Source: arXiv:2508.06471 section 2.1. Golden: tests/golden/glm4_moe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  x = g.add(x, attention(g, w, norm(g, w, x, "attn_norm"), {.qk_norm = qk_norm_if_stored(g, w)}));
  return g.add(x, feed_forward(g, w, norm(g, w, x, "post_attention_norm")));
}

const Registry<Family> family({
    .name = "glm4moe",
    .hf = {"glm4_moe"},
    .n_vocab = 151552,
    .d_ff = 10944,
    .n_layer = 46,
    .n_head = 96,
    .n_head_kv = 8,
    .n_context = 131072,
    .norm_eps = 1e-5,
    .rotated = 0.5,
    .hf_tensors = {{"post_attention_layernorm", "post_attention_norm"}},
    .experts = {.scoring = kernel::Scoring::sigmoid,
                .n_expert = 128,
                .n_used = 8,
                .normalise = true},
});

const Registry<Arch> entry{{.name = "glm4moe", .block = block}};

}  // namespace
}  // namespace strata::model
