// Phi-3.5-MoE: layer norms with biases; experts chosen one after the other.
// Source: arXiv:2404.14219; routing arXiv:2409.12136. Golden: tests/golden/phimoe.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

// Longrope's magnitudes are given, one for the short and one for the long factors.
void adjust_hf(const HfConfig& config, Hyper& h) {
  if (h.rope.scaling != RopeScaling::longrope) return;
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  const bool stretched = h.n_context > h.rope.original_context;
  if (auto m = rope->real(stretched ? "long_mscale" : "short_mscale")) h.rope.attn_factor = *m;
  h.rope_local = h.rope;
}

const Registry<Family> family({
    .name = "phimoe",
    .hf = {"phimoe"},
    .n_vocab = 32064,
    .d_ff = 6400,
    .n_head_kv = 8,
    .n_context = 131072,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .rope_theta = 1e6,
    .windows = WindowRule::all,
    .experts = {.scoring = kernel::Scoring::sparsemixer, .n_expert = 16, .n_used = 2},
    .adjust_hf = adjust_hf,
});

const Registry<Arch> entry{{.name = "phimoe", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
