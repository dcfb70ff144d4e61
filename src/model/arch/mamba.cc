// Mamba: no attention and no MLP, a selective state space a layer.
// Source: arXiv:2312.00752. Golden: tests/golden/mamba.
#include "model/family.h"
#include "model/hyper_state.h"
#include "model/mixer.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return g.add(x, mamba(g, w, norm(g, w, x, "attn_norm")));
}

const Registry<Family> family({
    .name = "mamba",
    .hf = {"mamba"},
    .n_vocab = 50280,
    .d_model = 768,
    .n_layer = 32,
    .n_head = 1,
    .n_context = 1 << 20,
    .norm_eps = 1e-5,
    .tied = true,
    .attention = false,
    .rotated = 0,
    .hf_tensors = {{"norm", "attn_norm"},
                   {"mixer.in_proj", "ssm_in"},
                   {"mixer.conv1d", "ssm_conv1d"},
                   {"mixer.x_proj", "ssm_x"},
                   {"mixer.dt_proj", "ssm_dt"},
                   {"mixer.A_log", "ssm_a"},
                   {"mixer.D", "ssm_d"},
                   {"mixer.out_proj", "ssm_out"}},
    .adjust_hf = mamba_hf,
    .adjust_gguf = mamba_gguf,
});

const Registry<Arch> entry{{.name = "mamba", .block = block}};

}  // namespace
}  // namespace strata::model
