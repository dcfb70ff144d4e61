// Gemma 1: Llama's block with a GELU gate, wide heads and scaled embeddings.
// Source: arXiv:2403.08295 section 2. Golden: tests/golden/gemma.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "gemma",
    .hf = {"gemma"},
    .n_vocab = 256000,
    .d_model = 3072,
    .d_ff = 24576,
    .n_layer = 28,
    .n_head = 16,
    .n_head_kv = 16,
    .d_head = 256,
    .n_context = 8192,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .gain_minus_one_in_hf = true,
    .scaled_embedding = true,
    // The first files name the exact GELU, which the model was not trained with.
    .adjust_hf =
        [](const HfConfig&, Hyper& h) {
          if (h.act == kernel::Act::gelu) h.act = kernel::Act::gelu_tanh;
        },
});

const Registry<Arch> entry{{.name = "gemma", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
