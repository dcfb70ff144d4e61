// GPT-J: attention and MLP side by side behind one layer norm, rotated in pairs.
// Source: github.com/kingoflolz/mesh-transformer-jax. Golden: tests/golden/gptj.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "gptj",
    .hf = {"gptj"},
    .n_vocab = 50400,
    .n_layer = 28,
    .n_head = 16,
    .d_ff_per_d_model = 4,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::gelu_tanh,
    .mha = true,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          if (config.is_null("rotary_dim")) return;
          const int64_t d = config.integer("rotary_dim").value_or(64);
          h.rope.d = h.rope_local.d = checked("rotary_dim", d, 0, h.d_head);
        },
});

const Registry<Arch> entry{{.name = "gptj", .block = parallel_mlp_block}};

}  // namespace
}  // namespace strata::model
