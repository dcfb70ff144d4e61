// SmolLM 3: Llama's block; every fourth layer has no positions.
// Source: the publisher's report; arXiv:2501.18795 (layers without positions). Golden:
// tests/golden/smollm3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "smollm3",
    .hf = {"smollm3"},
    .n_vocab = 128256,
    .d_model = 2048,
    .n_layer = 36,
    .n_head = 16,
    .n_head_kv = 4,
    .n_context = 32768,
    .tied = true,
    .rope_theta = 2000000,
    .interleaved_in_gguf = true,
    .no_rope = NoRopeRule::interval,
    .windows = WindowRule::upper,
});

const Registry<Arch> entry{{.name = "smollm3", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
