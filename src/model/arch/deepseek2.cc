// DeepSeek-V2 and, as GGUF names it, V3: latent attention, experts after the first layers.
// Source: arXiv:2405.04434 section 2. Golden: tests/golden/deepseek_v2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "deepseek2",
    .hf = {"deepseek_v2"},
    .n_vocab = 102400,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .experts = {.n_expert = 64, .n_used = 6},
    .latent = {.rank = 512, .d_nope = 128, .d_rope = 64, .d_v = 128},
});

const Registry<Arch> entry{{.name = "deepseek2", .block = latent_block}};

}  // namespace
}  // namespace strata::model
