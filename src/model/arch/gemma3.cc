// Gemma 3: Gemma 2's norms, QK norms instead of soft caps, five local layers to a global one.
// Source: arXiv:2503.19786 section 2. Golden: test/golden/gemma3.
#include "model/arch.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  graph::Tensor y = attention(g, w, norm(g, w, x, "attn_norm"), {.qk_norm = true});
  x = g.add(x, norm(g, w, y, "post_attention_norm"));
  y = gated_mlp(g, w, norm(g, w, x, "ffn_norm"));
  return g.add(x, norm(g, w, y, "post_ffw_norm"));
}

const Registry<Arch> entry{{.name = "gemma3", .block = block}};

}  // namespace
}  // namespace strata::model
