// MiniCPM3: DeepSeek-V2's latent attention over a dense MLP; embeddings, residuals, logits scaled.
// Source: arXiv:2404.06395 section 4 and the publishers' code. Golden: tests/golden/minicpm3.
#include <cmath>

#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

void set_factors(double embed, double depth, double base, Hyper& h) {
  h.embed_scale = static_cast<float>(embed);
  h.residual_scale = static_cast<float>(depth / std::sqrt(h.n_layer));
  h.logit_scale = static_cast<float>(base / h.d_model);
}

void adjust_hf(const HfConfig& config, Hyper& h) {
  const auto value = [&](std::string_view key, double absent, double null) {
    return config.is_null(key) ? null : config.real(key).value_or(absent);
  };
  set_factors(value("scale_emb", 12, 1), value("scale_depth", 1.4, std::sqrt(h.n_layer)),
              value("dim_model_base", 256, h.d_model), h);
}

// GGUF files do not say them.
void adjust_gguf(const Metadata&, Hyper& h) { set_factors(12, 1.4, 256, h); }

const Registry<Family> family({
    .name = "minicpm3",
    .hf = {"minicpm3"},
    .n_vocab = 73448,
    .d_model = 2560,
    .d_ff = 6400,
    .n_layer = 62,
    .n_head = 40,
    .n_context = 32768,
    .norm_eps = 1e-5,
    .tied = true,
    .latent = {.rank = 256, .d_nope = 64, .d_rope = 32},
    .adjust_hf = adjust_hf,
    .adjust_gguf = adjust_gguf,
});

const Registry<Arch> entry{{.name = "minicpm3", .block = latent_block}};

}  // namespace
}  // namespace strata::model
