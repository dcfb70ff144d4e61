// Nemotron 3, 4 and Minitron: layer norms, an MLP with squared ReLU, half of each head rotated.
// Source: arXiv:2402.16819 section 2. Golden: tests/golden/nemotron.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "nemotron",
    .hf = {"nemotron"},
    .n_vocab = 256000,
    .d_model = 6144,
    .d_ff = 24576,
    .n_head = 48,
    .n_context = 4096,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::relu2,
    .rotated = 0.5,
    .gain_minus_one_in_hf = true,
});

const Registry<Arch> entry{{.name = "nemotron", .block = pre_norm_mlp_block}};

}  // namespace
}  // namespace strata::model
