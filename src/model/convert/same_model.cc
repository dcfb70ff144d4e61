// Do two files' settings compute the same? How a file stores rows, gains and frequencies is no
// difference, nor is a setting that the model does not use.
#include <cmath>

#include "model/convert/gguf_form.h"
#include "model/family.h"

namespace strata::model {
namespace {

// Files keep settings as decimals or as 32-bit floats.
double rounded(double value, double unit = 1e-5) { return std::round(value / unit); }

struct Setting {
  const char* name;
  bool (*same)(const Hyper& a, const Hyper& b);
};

template <auto... member>
bool equal(const Hyper& a, const Hyper& b) {
  return ((a.*member == b.*member) && ...);
}
template <auto... member>
bool near(const Hyper& a, const Hyper& b) {
  return ((rounded(a.*member, 1e-9) == rounded(b.*member, 1e-9)) && ...);
}
template <auto... member>
bool same_state(const Hyper& a, const Hyper& b) {
  return ((a.ssm.*member == b.ssm.*member) && ...);
}

bool same_rope(const Rope& a, const Rope& b) {
  if (a.d != b.d || a.scaling != b.scaling) return false;
  if (a.d == 0) return true;
  const bool yarn = a.scaling == RopeScaling::yarn, longrope = a.scaling == RopeScaling::longrope;
  const bool factor = yarn || a.scaling == RopeScaling::linear || a.scaling == RopeScaling::dynamic;
  if (rounded(a.theta) != rounded(b.theta)) return false;
  if (factor && rounded(a.factor) != rounded(b.factor)) return false;
  if ((factor || longrope) && a.original_context != b.original_context) return false;
  if (yarn && (rounded(a.beta_fast) != rounded(b.beta_fast) || a.truncate != b.truncate ||
               rounded(a.beta_slow) != rounded(b.beta_slow)))
    return false;
  if ((yarn || longrope) &&
      rounded(rope_magnitude(a)) != rounded(rope_magnitude(b)))
    return false;
  return a.short_factors == b.short_factors && a.long_factors == b.long_factors &&
         a.freq_divisors == b.freq_divisors;
}

bool same_router(const Hyper& a, const Hyper& b) {
  const kernel::Router &r = a.experts, &s = b.experts;
  if (r.n_expert == 0 && s.n_expert == 0) return true;
  const bool mixer = r.scoring == kernel::Scoring::sparsemixer;
  return r.scoring == s.scoring && r.n_expert == s.n_expert && r.n_used == s.n_used &&
         r.n_group == s.n_group && r.n_group_used == s.n_group_used &&
         r.group_by_two == s.group_by_two && r.normalise == s.normalise &&
         r.sum_min == s.sum_min && rounded(r.scale) == rounded(s.scale) &&
         (!mixer || r.jitter == s.jitter);
}

bool same_latent(const Hyper& a, const Hyper& b) {
  return a.latent.rank == b.latent.rank && a.latent.d_nope == b.latent.d_nope &&
         a.latent.d_rope == b.latent.d_rope && a.latent.d_v == b.latent.d_v;
}

bool attends(const Hyper& h) {
  const Family* family = find_family(h.arch);
  return !family || family->attention;
}

bool same_heads(const Hyper& a, const Hyper& b) {
  if (!attends(a) && !attends(b)) return true;
  // Latent attention has one row of keys for all heads, however many a file says.
  return a.n_head == b.n_head && a.d_head == b.d_head && a.d_head_v == b.d_head_v &&
         (a.n_head_kv == b.n_head_kv || (a.latent.rank > 0 && b.latent.rank > 0));
}

constexpr Setting kSettings[] = {
    {"number of layers", equal<&Hyper::n_layer>},
    {"width", equal<&Hyper::d_model>},
    {"vocabulary", equal<&Hyper::n_vocab>},
    {"attention heads", same_heads},
    {"MLP's width",
     [](const Hyper& a, const Hyper& b) { return a.d_ff == b.d_ff || !attends(a); }},
    {"learned positions", equal<&Hyper::learned_positions>},
    {"order of norms", equal<&Hyper::embedding_norm, &Hyper::final_norm, &Hyper::residual_of_norm,
                             &Hyper::norm_behind, &Hyper::parallel>},
    {"norm", equal<&Hyper::norm>},
    {"norm's epsilon", near<&Hyper::norm_eps>},
    {"causal mask", equal<&Hyper::causal>},
    {"activation", equal<&Hyper::act>},
    {"attention windows", equal<&Hyper::window>},
    {"layers without rotary embedding", equal<&Hyper::no_rope>},
    {"attention scale",
     [](const Hyper& a, const Hyper& b) {
       return same_scale(a, b) && a.scaled_by_layer == b.scaled_by_layer;
     }},
    {"soft caps", equal<&Hyper::attn_softcap, &Hyper::logit_softcap>},
    {"embedding, residual or logit scale",
     near<&Hyper::embed_scale, &Hyper::residual_scale, &Hyper::logit_scale>},
    {"limit of queries, keys and values", equal<&Hyper::clip_qkv>},
    {"ALiBi bias", equal<&Hyper::alibi_bias_max, &Hyper::alibi_scaled>},
    {"router of experts", same_router},
    {"clamp of experts", equal<&Hyper::expert_clamp, &Hyper::expert_alpha>},
    {"layers that predict further tokens", equal<&Hyper::n_nextn>},
    {"latent attention", same_latent},
    {"state space", same_state<&StateSpace::kind, &StateSpace::d_conv, &StateSpace::d_inner,
                               &StateSpace::d_state, &StateSpace::n_group, &StateSpace::n_head,
                               &StateSpace::dt_rank, &StateSpace::layers>},
    {"limits of the time step", same_state<&StateSpace::dt_min, &StateSpace::dt_max>},
    {"gated norm", same_state<&StateSpace::gate_first>},
    {"rotary embedding",
     [](const Hyper& a, const Hyper& b) { return same_rope(a.rope, b.rope); }},
    {"rotary embedding of windowed layers",
     [](const Hyper& a, const Hyper& b) { return same_rope(a.rope_local, b.rope_local); }},
};

}  // namespace

double rope_magnitude(const Rope& rope) {
  const RopeTable table(rope);
  std::vector<float> cos(table.half()), sin(table.half());
  table.row(0, cos.data(), sin.data());
  return cos.front();
}

bool same_scale(const Hyper& a, const Hyper& b) {
  return rounded(a.scale()) == rounded(b.scale()) || (!attends(a) && !attends(b));
}

std::string difference(const Hyper& a, const Hyper& b) {
  for (const Setting& s : kSettings)
    if (!s.same(a, b)) return s.name;
  return {};
}

}  // namespace strata::model
