// DeepSeek-V3 in HF form, and what is built alike (Kimi K2): V2's block, another router.
// Source: arXiv:2412.19437 section 2.1. Golden: tests/golden/deepseek_v3, deepseek_v3-yarn.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

void adjust_hf(const HfConfig& config, Hyper& h) {
  h.rope.interleaved = config.boolean("rope_interleave").value_or(true);
  h.rope_local = h.rope;
}

const Registry<Family> family({
    .name = "deepseek3",
    .hf = {"deepseek_v3", "kimi_k2"},
    .n_vocab = 129280,
    .d_model = 7168,
    .d_ff = 18432,
    .n_layer = 61,
    .n_head = 128,
    .n_context = 4096,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .experts = {.scoring = kernel::Scoring::sigmoid,
                .n_expert = 256,
                .n_used = 8,
                .n_group = 8,
                .n_group_used = 4,
                .normalise = true,
                .scale = 2.5f},
    .latent = {.rank = 512, .d_nope = 128, .d_rope = 64, .d_v = 128},
    .adjust_hf = adjust_hf,
});

const Registry<Arch> entry{{.name = "deepseek3", .block = latent_block}};

}  // namespace
}  // namespace strata::model
