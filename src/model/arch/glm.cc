// ChatGLM 3 and GLM-4: Llama's block, half of each head rotated in pairs.
// Source: arXiv:2406.12793 section 2. Golden: tests/golden/glm.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "chatglm",
    .hf = {"glm"},
    .n_vocab = 151552,
    .d_ff = 13696,
    .n_layer = 40,
    .n_head_kv = 2,
    .d_head = 128,
    .n_context = 131072,
    .norm_eps = 1.5625e-7,
    .rotated = 0.5,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
});

const Registry<Arch> entry{{.name = "chatglm", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
