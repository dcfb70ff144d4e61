// GPT-2: layer norms, learned positions, matrices stored as [inputs, outputs].
// Source: Radford et al. 2019, section 2.3. Golden: tests/golden/gpt2.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "gpt2",
    .hf = {"gpt2"},
    .n_vocab = 50257,
    .d_model = 768,
    .n_layer = 12,
    .n_head = 12,
    .d_ff_per_d_model = 4,
    .n_context = 1024,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::gelu_tanh,
    .mha = true,
    .learned_positions = true,
    .rotated = 0,
    .transposed_in_hf = true,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          if (!config.boolean("scale_attn_weights").value_or(true)) h.attn_scale = 1;
          h.scaled_by_layer = config.boolean("scale_attn_by_inverse_layer_idx").value_or(false);
        },
});

const Registry<Arch> entry{{.name = "gpt2", .block = pre_norm_mlp_block}};

}  // namespace
}  // namespace strata::model
