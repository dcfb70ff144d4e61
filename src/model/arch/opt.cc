// OPT: layer norms before each half (350M: behind), learned positions, ReLU.
// Source: arXiv:2205.01068 section 2. Golden: tests/golden/opt.
#include "base/error.h"
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  if (!w.h.norm_behind) return pre_norm_mlp_block(g, w, x);
  x = norm(g, w, g.add(x, attention(g, w, x)), "attn_norm");
  return norm(g, w, g.add(x, mlp(g, w, x)), "ffn_norm");
}

const Registry<Family> family({
    .name = "opt",
    .hf = {"opt"},
    .n_vocab = 50272,
    .d_model = 768,
    .d_ff = 3072,
    .n_layer = 12,
    .n_head = 12,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::relu,
    .mha = true,
    .learned_positions = true,
    .rotated = 0,
    .position_offset_in_hf = 2,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          h.final_norm = config.boolean("do_layer_norm_before").value_or(true) &&
                         !config.boolean("_remove_final_layer_norm").value_or(false);
          h.norm_behind = !config.boolean("do_layer_norm_before").value_or(true);
          if (config.integer("word_embed_proj_dim").value_or(h.d_model) != h.d_model)
            fail(Code::unimplemented, "config.json: word_embed_proj_dim must equal hidden_size");
        },
});

const Registry<Arch> entry{{.name = "opt", .block = block}};

}  // namespace
}  // namespace strata::model
