// Mixtral: Mistral's attention, experts in place of the MLP. GGUF calls it "llama".
// Source: arXiv:2401.04088 section 2. Golden: tests/golden/mixtral.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "mixtral",
    .hf = {"mixtral"},
    .d_ff = 14336,
    .n_head_kv = 8,
    .n_context = 131072,
    .norm_eps = 1e-5,
    .rope_theta = 1e6,
    .interleaved_in_gguf = true,
    .windows = WindowRule::all,
    .experts = {.n_expert = 8, .n_used = 2, .normalise = true},
});

const Registry<Arch> entry{{.name = "mixtral", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
