#include "model/arch.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/error.h"

namespace strata::model {

using graph::Graph;
using graph::Tensor;

Tensor norm(Graph& g, const Layer& w, Tensor x, std::string_view weight) {
  return g.rms_norm(x, w(weight), w.h.norm_eps, w.h.norm_offset);
}

Tensor attention(Graph& g, const Layer& w, Tensor y, AttentionForm form) {
  const Hyper& h = w.h;
  Tensor q = g.heads(g.linear(y, w("attn_q")), h.n_head, h.d_head);        // [T, n_head, d_head]
  Tensor k = g.heads(g.linear(y, w("attn_k")), h.n_head_kv, h.d_head);     // [T, n_head_kv, d_head]
  Tensor v = g.heads(g.linear(y, w("attn_v")), h.n_head_kv, h.d_head_v);   // [T, n_head_kv, d_v]
  if (form.qk_norm) {
    q = norm(g, w, q, "attn_q_norm");
    k = norm(g, w, k, "attn_k_norm");
  }
  q = g.rope(q, w.rope);
  k = g.rope(k, w.rope);
  Tensor mix = g.attention(q, k, v, {.scale = h.scale(), .softcap = h.attn_softcap,
                                   .window = w.window()});
  return g.linear(g.merge(mix), w("attn_output"));
}

Tensor gated_mlp(Graph& g, const Layer& w, Tensor y) {
  return g.linear(g.glu(w.h.act, g.linear(y, w("ffn_gate")), g.linear(y, w("ffn_up"))),
                  w("ffn_down"));
}

Graph build_graph(const Arch& arch, const Hyper& h, const graph::WeightSource& source) {
  Graph g(source);
  const auto add_rope = [&g](const Rope& rope) {
    auto table = std::make_shared<RopeTable>(rope);
    return g.add_rope({.d = rope.d,
                       .interleaved = rope.interleaved,
                       .row = [table](int position, float* cos, float* sin) {
                         table->row(position, cos, sin);
                       }});
  };
  const int rope = add_rope(h.rope);
  const bool two = h.rope_local.d > 0 && !h.window.empty();
  const int rope_local = two ? add_rope(h.rope_local) : rope;

  Tensor x = g.embed("token_embd", h.d_model, h.embed_scale);
  for (int i = 0; i < h.n_layer; ++i) {
    g.layer(i);
    const bool local = !h.window.empty() && h.is_local(i);
    x = arch.block(g, {.h = h, .index = i, .rope = local ? rope_local : rope}, x);
  }
  g.layer(graph::kNone);
  x = g.rms_norm(g.select(x), "output_norm", h.norm_eps, h.norm_offset);
  x = g.linear(x, g.has("output") ? "output" : "token_embd");
  if (g.values[x.value].width() != h.n_vocab) {
    fail(Code::data_loss, "the output head has {} rows, the vocabulary {} tokens",
         g.values[x.value].width(), h.n_vocab);
  }
  if (h.logit_softcap > 0) x = g.softcap(x, h.logit_softcap);
  g.output(x);
  return g;
}

std::string arch_names() {
  std::vector<std::string> names;
  Registry<Arch>::each([&](const Arch& a) { names.emplace_back(a.name); });
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

}  // namespace strata::model
