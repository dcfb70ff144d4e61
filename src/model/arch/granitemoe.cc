// Granite 3 MoE: Granite's factors; the softmax is over the chosen experts alone.
// Source: the publishers' model card of granite-3.0-1b-a400m. Golden: tests/golden/granitemoe.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "granitemoe",
    .hf = {"granitemoe"},
    .interleaved_in_gguf = true,
    .unit_attn_scale = true,
    .divides_logits = true,
    .experts = {.scoring = kernel::Scoring::softmax_of_chosen, .n_expert = 8, .n_used = 2},
});

const Registry<Arch> entry{{.name = "granitemoe", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
