// InternLM 2: Llama's block; each key head's queries, key and value lie side by side.
// Source: arXiv:2403.17297 section 2.2. Golden: tests/golden/internlm2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "internlm2",
    .hf = {"internlm2"},
    .n_vocab = 103168,
    .interleaved_in_gguf = true,
    .qkv_by_group_in_hf = true,
});

const Registry<Arch> entry{{.name = "internlm2", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
