// BERT: an encoder with layer norms behind each half and learned positions.
// Source: arXiv:1810.04805 section 3. Golden: tests/golden/bert.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "bert",
    .hf = {"bert"},
    .n_vocab = 30522,
    .d_model = 768,
    .d_ff = 3072,
    .n_layer = 12,
    .n_head = 12,
    .n_context = 512,
    .norm = Norm::layer,
    .norm_eps = 1e-12,
    .act = kernel::Act::gelu,
    .mha = true,
    .encoder = true,
    .learned_positions = true,
    .embedding_norm = true,
    .final_norm = false,
    .rotated = 0,
});

const Registry<Arch> entry{{.name = "bert", .block = norm_behind_block}};

}  // namespace
}  // namespace strata::model
