#include "model/arch.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/error.h"

namespace strata::model {

using graph::Graph;
using graph::Tensor;

namespace {

Tensor norm(Graph& g, const Hyper& h, Tensor x, std::string_view weight) {
  return h.norm == Norm::layer ? g.layer_norm(x, weight, h.norm_eps, h.norm_offset)
                               : g.rms_norm(x, weight, h.norm_eps, h.norm_offset);
}

// Of each head. Source: arXiv:2108.12409 section 3, and the authors' code for numbers of heads that
// are no power of two.
std::vector<float> alibi_slopes(const Hyper& h) {
  std::vector<float> slopes;
  if (h.alibi_bias_max == 0) return slopes;
  const int whole = static_cast<int>(std::exp2(std::floor(std::log2(h.n_head))));
  for (int i = 0; i < h.n_head; ++i) {
    const double step = double{h.alibi_bias_max} / whole;
    const double power = i < whole ? step * (i + 1) : step / 2 * (2 * (i - whole) + 1);
    slopes.push_back(static_cast<float>(std::exp2(-power) * (h.alibi_scaled ? h.scale() : 1)));
  }
  return slopes;
}

}  // namespace

Tensor norm(Graph& g, const Layer& w, Tensor x, std::string_view weight) {
  return norm(g, w.h, x, w(weight));
}

Tensor residual(Graph& g, const Layer& w, Tensor x, Tensor y) {
  return g.add(x, y, w.h.residual_scale);
}

QkNorm qk_norm_if_stored(const Graph& g, const Layer& w) {
  return g.has(w("attn_q_norm")) ? QkNorm::heads : QkNorm::none;
}

Tensor attention(Graph& g, const Layer& w, Tensor y, AttentionForm form) {
  const Hyper& h = w.h;
  const auto project = [&](std::string_view name, std::string_view gain, int n, int d) {
    Tensor x = g.linear(y, w(name));
    if (h.clip_qkv > 0) x = g.clamp(x, h.clip_qkv);
    if (gain.empty()) return g.heads(x, n, d);
    if (form.qk_norm == QkNorm::whole) x = norm(g, w, x, gain);
    x = g.heads(x, n, d);
    if (form.qk_norm == QkNorm::heads) x = norm(g, w, x, gain);
    if (w.rope != graph::kNone) x = g.rope(x, w.rope);
    return form.qk_norm == QkNorm::heads_after_rope ? norm(g, w, x, gain) : x;
  };
  const Tensor q = project("attn_q", "attn_q_norm", h.n_head, h.d_head);  // [T, n_head, d_head]
  const Tensor k = project("attn_k", "attn_k_norm", h.n_head_kv, h.d_head);
  const Tensor v = project("attn_v", {}, h.n_head_kv, h.d_head_v);
  const float scale = h.scaled_by_layer ? h.scale() / static_cast<float>(w.index + 1) : h.scale();
  const std::string sinks = w("attn_sinks");
  const Tensor mix = g.attention(q, k, v,
                                 {.scale = scale,
                                  .softcap = h.attn_softcap,
                                  .window = w.window(),
                                  .causal = h.causal,
                                  .alibi = alibi_slopes(h),
                                  .sinks = g.has(sinks) ? sinks : ""});
  return g.linear(g.merge(mix), w("attn_output"));
}

Tensor gated_mlp(Graph& g, const Layer& w, Tensor y) {
  return g.linear(g.glu(w.h.act, g.linear(y, w("ffn_gate")), g.linear(y, w("ffn_up"))),
                  w("ffn_down"));
}

Tensor mlp(Graph& g, const Layer& w, Tensor y) {
  return g.linear(g.activate(w.h.act, g.linear(y, w("ffn_up"))), w("ffn_down"));
}

Tensor feed_forward(Graph& g, const Layer& w, Tensor y) {
  const Hyper& h = w.h;
  if (h.experts.n_expert == 0 || !g.has(w("ffn_gate_inp"))) return gated_mlp(g, w, y);
  const Tensor logits = g.linear(y, w("ffn_gate_inp"));
  const std::string gate = w("ffn_gate_inp_shexp");
  return g.experts(
      y, logits, g.has(gate) ? g.linear(y, gate) : Tensor{}, w(""),
      {.router = h.experts, .act = h.act, .clamp = h.expert_clamp, .alpha = h.expert_alpha});
}

Tensor latent_attention(Graph& g, const Layer& w, Tensor y) {
  constexpr float kEps = 1e-6f;  // of the norms inside, whatever the model's
  const Hyper& h = w.h;
  const graph::LatentShape shape = {.n_head = h.n_head,
                                    .d_nope = h.latent.d_nope,
                                    .d_rope = h.latent.d_rope,
                                    .d_v = h.latent.d_v,
                                    .rank = h.latent.rank};
  Tensor q = y;
  if (g.has(w("attn_q_a"))) {
    q = g.rms_norm(g.linear(y, w("attn_q_a")), w("attn_q_a_norm"), kEps, 0);
    q = g.linear(q, w("attn_q_b"));
  } else {
    q = g.linear(y, w("attn_q"));
  }
  const Tensor row =
      g.latent_row(g.linear(y, w("attn_kv_a_mqa")), w("attn_kv_a_norm"), kEps, shape.rank, w.rope);
  q = g.latent_query(q, w(""), shape, w.rope);  // [T, n_head, rank + d_rope]
  const Tensor mix =
      g.latent_attention(q, row, shape.rank, {.scale = h.scale(), .softcap = h.attn_softcap});
  return g.linear(g.merge(g.latent_values(mix, w(""), shape)), w("attn_output"));
}

Tensor pre_norm_block(Graph& g, const Layer& w, Tensor x, QkNorm qk_norm) {
  x = residual(g, w, x, attention(g, w, norm(g, w, x, "attn_norm"), {.qk_norm = qk_norm}));
  return residual(g, w, x, feed_forward(g, w, norm(g, w, x, "ffn_norm")));
}

Tensor pre_norm_block(Graph& g, const Layer& w, Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::none);
}

Tensor latent_block(Graph& g, const Layer& w, Tensor x) {
  x = residual(g, w, x, latent_attention(g, w, norm(g, w, x, "attn_norm")));
  return residual(g, w, x, feed_forward(g, w, norm(g, w, x, "ffn_norm")));
}

Tensor pre_norm_mlp_block(Graph& g, const Layer& w, Tensor x) {
  x = residual(g, w, x, attention(g, w, norm(g, w, x, "attn_norm")));
  return residual(g, w, x, mlp(g, w, norm(g, w, x, "ffn_norm")));
}

namespace {

Tensor side_by_side(Graph& g, const Layer& w, Tensor x,
                    Tensor (*half)(Graph& g, const Layer& layer, Tensor y)) {
  const Tensor y = norm(g, w, x, "attn_norm");
  const Tensor a = attention(g, w, y, {.qk_norm = qk_norm_if_stored(g, w)});
  return g.add(g.add(x, a), half(g, w, y));
}

}  // namespace

Tensor parallel_block(Graph& g, const Layer& w, Tensor x) {
  return side_by_side(g, w, x, gated_mlp);
}

Tensor parallel_mlp_block(Graph& g, const Layer& w, Tensor x) { return side_by_side(g, w, x, mlp); }

Tensor norm_behind_block(Graph& g, const Layer& w, Tensor x) {
  x = norm(g, w, g.add(x, attention(g, w, x)), "attn_output_norm");
  const Tensor y = g.has(w("ffn_gate")) ? gated_mlp(g, w, x) : mlp(g, w, x);
  return norm(g, w, g.add(x, y), "layer_output_norm");
}

Tensor post_norm_block(Graph& g, const Layer& w, Tensor x, QkNorm qk_norm) {
  x = g.add(x, norm(g, w, attention(g, w, x, {.qk_norm = qk_norm}), "post_attention_norm"));
  return g.add(x, norm(g, w, gated_mlp(g, w, x), "post_ffw_norm"));
}

Tensor sandwich_block(Graph& g, const Layer& w, Tensor x, QkNorm qk_norm) {
  Tensor y = attention(g, w, norm(g, w, x, "attn_norm"), {.qk_norm = qk_norm});
  x = g.add(x, norm(g, w, y, "post_attention_norm"));
  y = gated_mlp(g, w, norm(g, w, x, "ffn_norm"));
  return g.add(x, norm(g, w, y, "post_ffw_norm"));
}

namespace {

/// The rotary embeddings of a graph: one for all layers, or another for those with a window.
class Ropes {
 public:
  Ropes(Graph& g, const Hyper& h, int context) : h_(h) {
    full_ = local_ = add(g, h.rope, context);
    if (h.rope_local.d > 0 && !h.window.empty()) local_ = add(g, h.rope_local, context);
  }
  int of(int layer) const {
    if (!h_.no_rope.empty() && h_.no_rope[layer]) return graph::kNone;
    return !h_.window.empty() && h_.is_local(layer) ? local_ : full_;
  }

 private:
  static int add(Graph& g, const Rope& rope, int context) {
    if (rope.d == 0) return graph::kNone;
    auto table = std::make_shared<RopeTable>(rope, context);
    return g.add_rope(
        {.d = rope.d,
         .interleaved = rope.interleaved,
         .row = [table](int position, float* cos, float* sin) { table->row(position, cos, sin); }});
  }

  const Hyper& h_;
  int full_, local_;
};

Tensor embed(Graph& g, const Hyper& h) {
  Tensor x = g.embed("token_embd", h.d_model,
                     {.scale = h.embed_scale,
                      .positions = h.learned_positions ? "position_embd" : "",
                      .position_offset = h.position_offset,
                      .constant = g.has("token_types") ? "token_types" : ""});
  if (h.embedding_norm) x = norm(g, h, x, "token_embd_norm");
  return x;
}

Tensor head(Graph& g, const Hyper& h, Tensor x) {
  x = g.linear(x, g.has("output") ? "output" : "token_embd");
  if (g.values[x.value].width() != h.n_vocab) {
    fail(Code::data_loss, "the output head has {} rows, the vocabulary {} tokens",
         g.values[x.value].width(), h.n_vocab);
  }
  if (h.logit_scale != 1) x = g.scale(x, h.logit_scale);
  if (h.logit_softcap > 0) x = g.softcap(x, h.logit_softcap);
  return x;
}

// What a ranking model makes of its pooled row: a layer with its activation where there is one
// (with a norm behind it for ModernBERT, tanh for BERT), then a row of scores.
Tensor ranking_head(Graph& g, const Hyper& h, Tensor x) {
  if (g.has("cls")) {
    x = g.linear(x, "cls");
    x = g.has("cls.norm") ? norm(g, h, g.activate(h.act, x), "cls.norm") : g.softcap(x, 1);
  }
  return g.linear(x, "cls.output");
}

Tensor pooled(Graph& g, const Hyper& h, Tensor x, Pooling pooling) {
  if (pooling == Pooling::rank) {
    x = g.pool(x, h.causal ? graph::Pool::last : graph::Pool::first);
    return ranking_head(g, h, x);
  }
  return g.pool(x, pooling == Pooling::mean    ? graph::Pool::mean
                   : pooling == Pooling::first ? graph::Pool::first
                                               : graph::Pool::last);
}

}  // namespace

Graph build_graph(const Arch& arch, const Hyper& h, const graph::WeightSource& source,
                  const BuildOptions& options) {
  const bool logits = options.pooling == Pooling::none;
  if (logits && !h.causal)
    fail(Code::invalid_argument, "{} is an encoder: it makes vectors of texts, not text", h.arch);
  Graph g(source);
  const Ropes ropes(g, h, options.context > 0 ? options.context : h.n_context);
  Tensor x = embed(g, h);
  for (int i = 0; i < h.n_layer; ++i) {
    g.layer(i);
    x = arch.block(g, {.h = h, .index = i, .rope = ropes.of(i)}, x);
  }
  g.layer(graph::kNone);
  if (logits) x = g.select(x);
  // LFM2's files call the final norm by the embedding's name.
  const bool lfm2 = !g.has("output_norm") && !h.embedding_norm && g.has("token_embd_norm");
  if (h.final_norm) x = norm(g, h, x, lfm2 ? "token_embd_norm" : "output_norm");
  g.output(logits ? head(g, h, x) : pooled(g, h, x, options.pooling));
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
