// Llama 1 to 3, and what is built alike (SmolLM, Yi, TinyLlama): pre-norm attention and gated MLP.
// Source: arXiv:2302.13971 section 2.2; grouped heads arXiv:2307.09288. Golden: tests/golden/llama,
// llama-tied-bias, llama-yarn, llama3-rope.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "llama",
    .hf = {"llama"},
    .interleaved_in_gguf = true,
    .experts = {.normalise = true},   // Mixtral's, which GGUF calls by this name
});

const Registry<Arch> entry{{.name = "llama", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
