// Mamba-2: one fading factor a head, groups of heads share B and C.
// Source: arXiv:2405.21060. Golden: tests/golden/mamba2.
#include "model/family.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return g.add(x, mamba2(g, w, norm(g, w, x, "attn_norm")));
}

const Registry<Family> family({
    .name = "mamba2",
    .hf = {"mamba2"},
    .n_vocab = 32768,
    .n_layer = 64,
    .n_head = 1,
    .n_context = 1 << 20,
    .norm_eps = 1e-5,
    .attention = false,
    .rotated = 0,
    .hf_tensors = {{"norm", "attn_norm"},
                   {"mixer.in_proj", "ssm_in"},
                   {"mixer.conv1d", "ssm_conv1d"},
                   {"mixer.dt_bias", "ssm_dt.bias"},
                   {"mixer.A_log", "ssm_a"},
                   {"mixer.D", "ssm_d"},
                   {"mixer.norm", "ssm_norm"},
                   {"mixer.out_proj", "ssm_out"}},
    .adjust_hf = mamba2_hf,
    .adjust_gguf = mamba2_gguf,
});

const Registry<Arch> entry{{.name = "mamba2", .block = block}};

}  // namespace
}  // namespace strata::model
