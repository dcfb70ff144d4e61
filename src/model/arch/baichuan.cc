// Baichuan 1 and 2: Llama's block over one fused projection; the 13B models have ALiBi.
// Source: arXiv:2309.10305 section 2. Golden: tests/golden/baichuan2-7b,
// baichuan2-13b.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

constexpr int kLayers13B = 40;

void use_alibi(Hyper& h) {
  h.alibi_bias_max = 8;
  h.rope.d = h.rope_local.d = 0;
}

const Registry<Family> family({
    .name = "baichuan",
    .hf = {"baichuan"},
    .n_vocab = 125696,
    .n_context = 4096,
    .mha = true,
    .interleaved_in_gguf = true,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          if (!config.has("max_position_embeddings")) use_alibi(h);
          // Baichuan 2 was trained with this loss on the size of logits.
          h.normalised_head = config.has("z_loss_weight");
        },
    .adjust_gguf =
        [](const Metadata&, Hyper& h) {
          if (h.n_layer == kLayers13B || h.alibi_bias_max > 0) use_alibi(h);
        },
});

const Registry<Arch> entry{{.name = "baichuan", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
