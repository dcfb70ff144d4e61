// Nomic Embed 1 and 1.5: BERT with rotary embedding and a gated MLP.
// Source: arXiv:2402.01613 section 4.1. Golden: tests/golden/nomic_bert.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "nomic-bert",
    .hf = {"nomic_bert"},
    .n_vocab = 30528,
    .d_model = 768,
    .d_ff = 3072,
    .n_layer = 12,
    .n_head = 12,
    .n_context = 2048,
    .norm = Norm::layer,
    .norm_eps = 1e-12,
    .mha = true,
    .encoder = true,
    .embedding_norm = true,
    .final_norm = false,
    .rope_theta = 1000,
});

const Registry<Arch> entry{{.name = "nomic-bert", .block = norm_behind_block}};

}  // namespace
}  // namespace strata::model
