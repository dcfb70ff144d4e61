// Falcon-H1: attention and Mamba-2 read the same input side by side; constant factors everywhere.
// Source: arXiv:2507.22448 section 3. Golden: tests/golden/falcon_h1.
#include "model/family.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

graph::Tensor scaled(graph::Graph& g, graph::Tensor x, float factor) {
  return factor == 1 ? x : g.scale(x, factor);
}

graph::Tensor scaled_mlp(graph::Graph& g, const Layer& w, graph::Tensor y) {
  graph::Tensor gate = scaled(g, g.linear(y, w("ffn_gate")), w.h.multiply.gate);
  graph::Tensor up = g.linear(y, w("ffn_up"));
  return scaled(g, g.linear(g.glu(w.h.act, gate, up), w("ffn_down")), w.h.multiply.down);
}

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  const graph::Tensor mix = attention(g, w, scaled(g, y, w.h.multiply.attention_in));
  x = g.add(x, scaled(g, mix, w.h.multiply.attention_out));
  x = g.add(x, mamba2(g, w, y));
  return g.add(x, scaled_mlp(g, w, norm(g, w, x, "ffn_norm")));
}

const Registry<Family> family({
    .name = "falcon-h1",
    .hf = {"falcon_h1"},
    .n_vocab = 128000,
    .d_ff = 14336,
    .n_head_kv = 8,
    .n_context = 8192,
    .norm_eps = 1e-5,
    .hf_tensors = {{"pre_ff_layernorm", "ffn_norm"},
                   {"feed_forward.gate_proj", "ffn_gate"},
                   {"feed_forward.up_proj", "ffn_up"},
                   {"feed_forward.down_proj", "ffn_down"},
                   {"mamba.in_proj", "ssm_in"},
                   {"mamba.conv1d", "ssm_conv1d"},
                   {"mamba.dt_bias", "ssm_dt.bias"},
                   {"mamba.A_log", "ssm_a"},
                   {"mamba.D", "ssm_d"},
                   {"mamba.norm", "ssm_norm"},
                   {"mamba.out_proj", "ssm_out"}},
    .adjust_hf = falcon_h1_hf,
    .adjust_gguf = mamba2_gguf,
});

const Registry<Arch> entry{{.name = "falcon-h1", .block = block}};

}  // namespace
}  // namespace strata::model
