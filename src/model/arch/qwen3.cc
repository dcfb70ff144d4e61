// Qwen3 dense: Llama's block plus RMSNorm on every query and key head before RoPE.
// Source: arXiv:2505.09388 section 2. Golden: tests/golden/qwen3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  x = g.add(x, attention(g, w, norm(g, w, x, "attn_norm"), {.qk_norm = QkNorm::heads}));
  return g.add(x, gated_mlp(g, w, norm(g, w, x, "ffn_norm")));
}

const Registry<Family> family({
    .name = "qwen3",
    .hf = {"qwen3"},
    .n_vocab = 151936,
    .d_ff = 22016,
    .n_head_kv = 32,
    .d_head = 128,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
});

const Registry<Arch> entry{{.name = "qwen3", .block = block}};

}  // namespace
}  // namespace strata::model
