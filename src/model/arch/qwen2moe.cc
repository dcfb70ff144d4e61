// Qwen1.5-MoE and Qwen2-MoE: Qwen2's attention; a shared expert with a gate beside the routed ones.
// Source: arXiv:2407.10671 section 2.2.2. Golden: tests/golden/qwen2_moe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "qwen2moe",
    .hf = {"qwen2_moe"},
    .n_vocab = 151936,
    .d_model = 2048,
    .d_ff = 5632,
    .n_layer = 24,
    .n_head = 16,
    .n_head_kv = 16,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
    .experts = {.n_expert = 60, .n_used = 4},
});

const Registry<Arch> entry{{.name = "qwen2moe", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
