// InternLM 3: Llama's block, biases where the file has them.
// Source: the publisher's configuration and code. Golden: tests/golden/internlm3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "internlm3",
    .hf = {"internlm3"},
    .n_vocab = 128512,
    .n_context = 32768,
    .interleaved_in_gguf = true,
});

const Registry<Arch> entry{{.name = "internlm3", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
