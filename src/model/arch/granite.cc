// Granite 3: Llama's block; factors on embeddings, scores, both residuals and logits.
// Source: arXiv:2408.13359 section 2 (the factors). Golden: tests/golden/granite.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "granite",
    .hf = {"granite"},
    .interleaved_in_gguf = true,
    .unit_attn_scale = true,
    .divides_logits = true,
});

const Registry<Arch> entry{{.name = "granite", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
