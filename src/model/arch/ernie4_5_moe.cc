// ERNIE 4.5 MoE: a bias moves the choice of experts, not their weights.
// Source: the ERNIE 4.5 technical report, section 2. Golden: tests/golden/ernie4_5_moe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "ernie4_5-moe",
    .hf = {"ernie4_5_moe"},
    .n_vocab = 103424,
    .d_model = 2560,
    .d_ff = 12288,
    .n_layer = 28,
    .n_head = 20,
    .n_head_kv = 4,
    .n_context = 131072,
    .norm_eps = 1e-5,
    .tied = true,
    .rope_theta = 500000,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .experts = {.n_expert = 64, .n_used = 6, .normalise = true, .sum_min = 1e-12f},
});

const Registry<Arch> entry{{.name = "ernie4_5-moe", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
