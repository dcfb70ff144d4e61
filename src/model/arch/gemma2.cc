// Gemma 2: norms before and after each half, soft caps, alternating sliding windows.
// Source: arXiv:2408.00118 section 2. Golden: test/golden/gemma2.
#include "model/arch.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  graph::Tensor y = attention(g, w, norm(g, w, x, "attn_norm"));
  x = g.add(x, norm(g, w, y, "post_attention_norm"));
  y = gated_mlp(g, w, norm(g, w, x, "ffn_norm"));
  return g.add(x, norm(g, w, y, "post_ffw_norm"));
}

const Registry<Arch> entry{{.name = "gemma2", .block = block}};

}  // namespace
}  // namespace strata::model
