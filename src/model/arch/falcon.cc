// Falcon: attention and MLP side by side, behind one layer norm (7B) or one each (40B, 180B), or
// one after the other (RW, with ALiBi). Source: arXiv:2311.16867 section 4. Golden:
// tests/golden/falcon.
#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"

namespace strata::model {
namespace {

// x [tokens, d_model] -> [tokens, d_model]
graph::Tensor block(graph::Graph& g, const Layer& w, graph::Tensor x) {
  const graph::Tensor y = norm(g, w, x, "attn_norm");
  const bool two = g.has(w("attn_norm_2"));
  const graph::Tensor sum = g.add(x, attention(g, w, two ? norm(g, w, x, "attn_norm_2") : y));
  return g.add(sum, mlp(g, w, w.h.parallel ? y : norm(g, w, sum, "ffn_norm")));
}

void adjust(const HfConfig& config, Hyper& h) {
  const auto flag = [&](const char* key, bool absent) {
    return config.boolean(key).value_or(absent);
  };
  const bool grouped = flag("new_decoder_architecture", false);
  const bool one = !grouped && flag("multi_query", true);
  if (!grouped) h.n_head_kv = one ? 1 : h.n_head;
  h.qkv_by_group = !one;
  h.parallel = grouped || flag("parallel_attn", true);
  if (flag("alibi", false)) {
    h.alibi_bias_max = 8;
    h.alibi_scaled = true;
    h.rope.d = h.rope_local.d = 0;
  }
}

const Registry<Family> family({
    .name = "falcon",
    .hf = {"falcon", "RefinedWeb", "RefinedWebModel"},
    .n_vocab = 65024,
    .d_model = 4544,
    .n_head = 71,
    .d_ff_per_d_model = 4,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .act = kernel::Act::gelu,
    .parallel = true,
    .adjust_hf = adjust,
});

const Registry<Arch> entry{{.name = "falcon", .block = block}};

}  // namespace
}  // namespace strata::model
