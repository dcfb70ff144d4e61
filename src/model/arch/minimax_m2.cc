// MiniMax-M2: partly rotated heads, normalised whole; a sigmoid router with a bias.
// Source: the publishers' model card of MiniMax-M2. Golden: tests/golden/minimax_m2.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  return pre_norm_block(g, w, x, QkNorm::whole);
}

// Published files give the rotated dimensions themselves.
void adjust_hf(const HfConfig& config, Hyper& h) {
  const auto d = config.integer("rotary_dim");
  if (d && *d > 0 && *d <= h.d_head) h.rope.d = h.rope_local.d = static_cast<int>(*d);
}

const Registry<Family> family({
    .name = "minimax-m2",
    .hf = {"minimax_m2"},
    .n_vocab = 200064,
    .d_model = 3072,
    .d_ff = 1536,
    .n_layer = 62,
    .n_head = 48,
    .n_head_kv = 8,
    .d_head = 128,
    .n_context = 196608,
    .rope_theta = 5e6,
    .experts = {.scoring = kernel::Scoring::sigmoid,
                .n_expert = 256,
                .n_used = 8,
                .normalise = true},
    .adjust_hf = adjust_hf,
});

const Registry<Arch> entry{{.name = "minimax-m2", .block = block}};

}  // namespace
}  // namespace strata::model
