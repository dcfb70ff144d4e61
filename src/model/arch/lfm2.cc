// LFM2: short gated convolutions, some layers of attention with QK norms, gated MLPs.
// Source: LFM2's reference code. Golden: tests/golden/lfm2, lfm2-conv.
#include "model/family.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  x = g.add(x, w.h.is_recurrent(w.index) ? short_conv(g, w, y)
                                         : attention(g, w, y, {.qk_norm = QkNorm::heads}));
  return g.add(x, gated_mlp(g, w, norm(g, w, x, "ffn_norm")));
}

const Registry<Family> family({
    .name = "lfm2",
    .hf = {"lfm2"},
    .n_vocab = 65536,
    .d_model = 2560,
    .d_ff = 12288,
    .n_head_kv = 8,
    .n_context = 128000,
    .norm_eps = 1e-5,
    .tied = true,
    .rope_theta = 1e6,
    .hf_tensors = {{"operator_norm", "attn_norm"},
                   {"conv.in_proj", "shortconv.in_proj"},
                   {"conv.conv", "shortconv.conv"},
                   {"conv.out_proj", "shortconv.out_proj"}},
    .adjust_hf = short_conv_hf,
    .adjust_gguf = short_conv_gguf,
});

const Registry<Arch> entry{{.name = "lfm2", .block = block}};

}  // namespace
}  // namespace strata::model
