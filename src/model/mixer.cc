#include "model/mixer.h"

namespace strata::model {

using graph::Graph;
using graph::Tensor;

namespace {

Tensor scaled(Graph& g, Tensor x, float factor) { return factor == 1 ? x : g.scale(x, factor); }

}  // namespace

Tensor mamba(Graph& g, const Layer& w, Tensor y) {
  const StateSpace& s = w.h.ssm;
  Tensor x = g.linear(y, w("ssm_in_x")), z = g.linear(y, w("ssm_in_z"));   // [T, d_inner]
  x = g.conv1d(x, w("ssm_conv1d"), s.d_conv, kernel::Act::silu);
  const Tensor b = g.linear(x, w("ssm_x_b")), c = g.linear(x, w("ssm_x_c"));   // [T, d_state]
  const Tensor dt = g.linear(g.linear(x, w("ssm_x_dt")), w("ssm_dt"));   // [T, d_inner]
  x = g.selective_scan(x, dt, b, c, w("ssm_a"), w("ssm_d"));
  return g.linear(g.glu(kernel::Act::silu, z, x), w("ssm_out"));
}

Tensor mamba2(Graph& g, const Layer& w, Tensor y) {
  const StateSpace& s = w.h.ssm;
  const Multipliers& m = w.h.multiply;
  const int64_t inner = s.d_inner, bc = int64_t{s.n_group} * s.d_state;
  y = scaled(g, y, m.ssm_in);
  Tensor z = g.linear(y, w("ssm_in_z"));       // [T, d_inner]
  Tensor xbc = g.linear(y, w("ssm_in_xbc"));   // [T, d_inner + 2 groups * d_state]
  Tensor dt = g.linear(y, w("ssm_in_dt"));     // [T, n_head]
  xbc = g.conv1d(xbc, w("ssm_conv1d"), s.d_conv, kernel::Act::silu,
                 {{inner, m.ssm[1]}, {bc, m.ssm[2]}, {bc, m.ssm[3]}});
  Tensor x = g.ssd_scan(xbc, scaled(g, dt, m.ssm[4]), w("ssm_a"), w("ssm_d"), w("ssm_dt.bias"),
                        {.n_head = s.n_head, .n_group = s.n_group, .d_k = s.d_state,
                         .d_v = s.d_head(), .step_min = s.dt_min, .step_max = s.dt_max});
  z = scaled(g, z, m.ssm[0]);
  if (g.has(w("ssm_norm"))) {
    x = g.heads(x, s.n_group, inner / s.n_group);
    x = g.merge(g.gated_norm(x, z, w("ssm_norm"), w.h.norm_eps, s.gate_first));
  } else {
    x = g.glu(kernel::Act::silu, z, g.merge(x));
  }
  return scaled(g, g.linear(x, w("ssm_out")), m.ssm_out);
}

Tensor gated_delta_net(Graph& g, const Layer& w, Tensor y) {
  const StateSpace& s = w.h.ssm;
  Tensor qkv = g.linear(y, w("attn_qkv")), z = g.linear(y, w("attn_gate"));
  const Tensor beta = g.linear(y, w("ssm_beta")), alpha = g.linear(y, w("ssm_alpha"));
  qkv = g.conv1d(qkv, w("ssm_conv1d"), s.d_conv, w.h.act);
  Tensor x = g.delta_rule(qkv, alpha, beta, w("ssm_a"), w("ssm_dt.bias"),
                          {.n_head = s.n_head, .n_group = s.n_group, .d_k = s.d_state,
                           .d_v = s.d_head(), .tiled = s.tiled});
  x = g.merge(g.gated_norm(x, z, w("ssm_norm"), w.h.norm_eps, false));
  return g.linear(x, w("ssm_out"));
}

Tensor short_conv(Graph& g, const Layer& w, Tensor y) {
  const Tensor b = g.linear(y, w("shortconv.b")), c = g.linear(y, w("shortconv.c"));
  Tensor x = g.linear(y, w("shortconv.x"));
  x = g.conv1d(g.glu(kernel::Act::none, b, x), w("shortconv.conv"), w.h.ssm.d_conv,
               kernel::Act::none);
  return g.linear(g.glu(kernel::Act::none, c, x), w("shortconv.out_proj"));
}

Tensor gated_attention(Graph& g, const Layer& w, Tensor y) {
  const Hyper& h = w.h;
  Tensor q = g.heads(g.linear(y, w("attn_q")), h.n_head, h.d_head);
  const Tensor gate = g.linear(y, w("attn_gate"));
  Tensor k = g.heads(g.linear(y, w("attn_k")), h.n_head_kv, h.d_head);
  Tensor v = g.heads(g.linear(y, w("attn_v")), h.n_head_kv, h.d_head_v);
  q = g.rope(norm(g, w, q, "attn_q_norm"), w.rope);
  k = g.rope(norm(g, w, k, "attn_k_norm"), w.rope);
  Tensor mix = g.merge(g.attention(
      q, k, v, {.scale = h.scale(), .softcap = h.attn_softcap, .window = w.window()}));
  return g.linear(g.glu(kernel::Act::sigmoid, gate, mix), w("attn_output"));
}

Tensor delta_or_attention(Graph& g, const Layer& w, Tensor y) {
  return w.h.is_recurrent(w.index) ? gated_delta_net(g, w, y) : gated_attention(g, w, y);
}

}  // namespace strata::model
