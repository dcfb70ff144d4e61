// ERNIE 4.5 dense: Llama's block, rotated in pairs.
// Source: the ERNIE 4.5 technical report, section 2. Golden: tests/golden/ernie4_5.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "ernie4_5",
    .hf = {"ernie4_5"},
    .n_vocab = 103424,
    .d_model = 1024,
    .d_ff = 3072,
    .n_layer = 18,
    .n_head = 16,
    .n_head_kv = 2,
    .d_head = 128,
    .n_context = 131072,
    .norm_eps = 1e-5,
    .tied = true,
    .rope_theta = 500000,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
});

const Registry<Arch> entry{{.name = "ernie4_5", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
