// Qwen2 and Qwen2.5: Llama's block with biases on q, k and v (used where the file has them).
// Source: arXiv:2407.10671 section 2.2.1. Golden: tests/golden/qwen2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "qwen2",
    .hf = {"qwen2"},
    .n_vocab = 151936,
    .d_ff = 22016,
    .n_head_kv = 32,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
});

const Registry<Arch> entry{{.name = "qwen2", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
