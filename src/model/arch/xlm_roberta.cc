// RoBERTa and XLM-RoBERTa: BERT whose first positions belong to padding; GGUF files call it bert.
// Source: arXiv:1911.02116 section 3. Golden: tests/golden/xlm-roberta.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "xlm-roberta",
    .hf = {"xlm-roberta", "roberta", "camembert"},
    .n_vocab = 30522,
    .d_model = 768,
    .d_ff = 3072,
    .n_layer = 12,
    .n_head = 12,
    .n_context = 512,
    .norm = Norm::layer,
    .norm_eps = 1e-12,
    .act = kernel::Act::gelu,
    .mha = true,
    .encoder = true,
    .learned_positions = true,
    .embedding_norm = true,
    .final_norm = false,
    .rotated = 0,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          const int64_t padding = config.integer("pad_token_id").value_or(1);
          h.position_offset = checked("pad_token_id", padding, 0, h.n_context - 2) + 1;
          h.n_context -= h.position_offset;
        },
});

const Registry<Arch> entry{{.name = "xlm-roberta", .block = norm_behind_block}};

}  // namespace
}  // namespace strata::model
