// Command R: attention and MLP side by side behind one layer norm, scaled logits.
// Source: the publisher's code in transformers (models/cohere). Golden: tests/golden/cohere.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "command-r",
    .hf = {"cohere"},
    .n_vocab = 256000,
    .d_model = 8192,
    .d_ff = 22528,
    .n_layer = 40,
    .n_head = 64,
    .n_context = 8192,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .rope_theta = 500000,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .logit_scale = 0.0625,
});

const Registry<Arch> entry{{.name = "command-r", .block = parallel_block}};

}  // namespace
}  // namespace strata::model
