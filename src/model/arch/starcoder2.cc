// StarCoder 2: layer norms and an MLP without a gate, with rotary embedding and grouped heads.
// Source: arXiv:2402.19173 section 6.1. Golden: tests/golden/starcoder2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "starcoder2",
    .hf = {"starcoder2"},
    .n_vocab = 49152,
    .d_model = 3072,
    .d_ff = 12288,
    .n_layer = 30,
    .n_head = 24,
    .n_head_kv = 2,
    .n_context = 4096,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .windows = WindowRule::all,
});

const Registry<Arch> entry{{.name = "starcoder2", .block = pre_norm_mlp_block}};

}  // namespace
}  // namespace strata::model
