// Mistral: Llama's block; the sliding window comes with the hyper-parameters.
// Source: arXiv:2310.06825 section 2. Golden: tests/golden/mistral-window.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "mistral",
    .hf = {"mistral"},
    .d_ff = 14336,
    .n_head_kv = 8,
    .n_context = 131072,
    .interleaved_in_gguf = true,
    .windows = WindowRule::all,
    .window = 4096,
});

const Registry<Arch> entry{{.name = "mistral", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
