// What experts and latent attention add to the hyper-parameters.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/format/hf_config.h"
#include "model/format/value.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using namespace hyper_max;
using kernel::Router;
using kernel::Scoring;

/// The first of several publishers' keys that the file has.
std::optional<int64_t> first_of(const HfConfig& config,
                                std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    if (!config.is_array(key)) {
      if (auto value = config.integer(key)) return value;
      continue;
    }
    // One value a layer is allowed; layers of different sizes are not.
    const std::vector<double> values = *config.reals(key);
    for (double v : values)
      if (v != values.front())
        fail(Code::unimplemented, "'{}' differs between layers, which this build does not support",
             key);
    if (!values.empty()) return static_cast<int64_t>(values.front());
  }
  return std::nullopt;
}

void read_groups(const HfConfig& config, Router& r) {
  // DeepSeek-V2 has groups also where it chooses from all of them.
  if (r.scoring != Scoring::sigmoid &&
      config.text("topk_method").value_or("") != "group_limited_greedy")
    return;
  if (auto n = config.integer("n_group")) r.n_group = checked("n_group", *n, 1, kExperts);
  r.n_group_used = r.n_group;
  if (auto n = config.integer("topk_group"))
    r.n_group_used = checked("topk_group", *n, 1, kExperts);
}

Scoring scoring_of_gguf(int64_t id, Scoring absent) {
  switch (id) {
    case 0: return absent;
    case 1: return Scoring::softmax;
    case 2: return Scoring::sigmoid;
    case 3: return Scoring::softmax_of_chosen;
  }
  fail(Code::unimplemented, "expert_gating_func {} is unknown; this build knows 1 to 3", id);
}

/// The publishers' factor of the softmax's scale where a stretched model has one.
float stretched(double multiplier, double factor) {
  const double m = factor > 1 ? 0.1 * multiplier * std::log(factor) + 1 : 1;
  return static_cast<float>(m * m);
}

void set_latent(const Latent& latent, Hyper& h) {
  h.latent = latent;
  h.d_head = latent.d_nope + latent.d_rope;
  h.d_head_v = latent.d_v;
  h.rope.d = latent.d_rope;
  h.rope_local = h.rope;
}

}  // namespace

void read_experts_hf(const HfConfig& config, const Family& family, Hyper& h) {
  Router r = family.experts;
  if (r.n_expert == 0) return;
  if (auto n = first_of(config, {"n_routed_experts", "num_local_experts", "num_experts",
                                 "moe_num_experts"}))
    r.n_expert = checked("number of experts", *n, 1, kExperts);
  if (auto n = first_of(config, {"num_experts_per_tok", "moe_topk", "moe_k"}))
    r.n_used = checked("experts a token", *n, 1, kExperts);
  if (r.scoring == Scoring::softmax || r.scoring == Scoring::sigmoid) {
    const std::string named = config.text("scoring_func").value_or("");
    if (named == "softmax") r.scoring = Scoring::softmax;
    if (named == "sigmoid") r.scoring = Scoring::sigmoid;
  }
  r.normalise = config.boolean("norm_topk_prob").value_or(r.normalise);
  r.sum_min = static_cast<float>(
      checked("moe_norm_min", config.real("moe_norm_min").value_or(r.sum_min), 0, 1));
  r.scale = static_cast<float>(checked(
      "routed_scaling_factor", config.real("routed_scaling_factor").value_or(r.scale), 0, 1e6));
  r.jitter = static_cast<float>(checked(
      "router_jitter_noise", config.real("router_jitter_noise").value_or(r.jitter), 0, 1e3));
  read_groups(config, r);
  r.group_by_two = r.scoring == Scoring::sigmoid;
  h.experts = r;
  if (auto n = first_of(config, {"num_nextn_predict_layers", "num_mtp_layers"}))
    h.n_nextn = checked("num_nextn_predict_layers", *n, 0, kLayers);
}

void read_experts_gguf(const Metadata& metadata, const Family& family, Hyper& h) {
  const auto key = [&](std::string_view tail) { return fmt::format("{}.{}", family.name, tail); };
  const auto count = [&](std::string_view tail, int absent) {
    const std::string k = key(tail);
    return checked(k, metadata.integer(k).value_or(absent), 0, kExperts);
  };
  if (const int n = count("nextn_predict_layers", 0); n > 0) {
    h.n_nextn = n;
    h.n_layer = checked(key("block_count"), int64_t{h.n_layer} - n, 1, kLayers);
  }
  Router r = family.experts;
  r.n_expert = count("expert_count", 0);
  if (r.n_expert == 0) return;
  r.n_used = count("expert_used_count", r.n_used);
  r.scoring = scoring_of_gguf(metadata.integer(key("expert_gating_func")).value_or(0), r.scoring);
  r.normalise = metadata.boolean(key("expert_weights_norm")).value_or(r.normalise);
  // 0 stands for "none" in files of old converters.
  const double scale = metadata.real(key("expert_weights_scale")).value_or(r.scale);
  if (scale != 0) r.scale = static_cast<float>(checked(key("expert_weights_scale"), scale, 0, 1e6));
  r.n_group = std::max(1, count("expert_group_count", r.n_group));
  r.n_group_used = std::max(1, count("expert_group_used_count", r.n_group));
  r.group_by_two = r.scoring == Scoring::sigmoid;
  h.experts = r;
}

void read_latent_hf(const HfConfig& config, const Family& family, Hyper& h) {
  if (family.latent.rank == 0) return;
  const auto size = [&](std::string_view key, int64_t absent) {
    return checked(key, config.integer(key).value_or(absent), 1, kHeadDim);
  };
  const int64_t d_v = family.latent.d_v > 0 ? family.latent.d_v : h.d_model / h.n_head;
  set_latent({.rank = size("kv_lora_rank", family.latent.rank),
              .d_nope = size("qk_nope_head_dim", family.latent.d_nope),
              .d_rope = size("qk_rope_head_dim", family.latent.d_rope),
              .d_v = size("v_head_dim", d_v)},
             h);
  h.attn_scale = 1 / std::sqrt(static_cast<float>(h.d_head));
  if (h.rope.scaling == RopeScaling::none) return;
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  const double all = rope ? rope->real("mscale_all_dim").value_or(0) : 0;
  if (all != 0) h.attn_scale *= stretched(all, h.rope.factor);
}

void read_latent_gguf(const Metadata& metadata, const Family& family, Hyper& h) {
  if (family.latent.rank == 0) return;
  const auto size = [&](std::string_view tail, int64_t absent) {
    const std::string key = fmt::format("{}.{}", family.name, tail);
    return checked(key, metadata.integer(key).value_or(absent), 1, kHeadDim);
  };
  // Files of old converters have the sizes of expanded heads where later ones have the latent's.
  const int d_k = size("attention.key_length_mla", h.d_head);
  const int d_rope = h.rope.d;
  set_latent({.rank = size("attention.kv_lora_rank", 0),
              .d_nope = checked("attention.key_length", int64_t{d_k} - d_rope, 1, kHeadDim),
              .d_rope = d_rope,
              .d_v = size("attention.value_length_mla", h.d_head_v)},
             h);
  h.attn_scale = 1 / std::sqrt(static_cast<float>(d_k));
  const auto multiplier =
      metadata.real(fmt::format("{}.rope.scaling.yarn_log_multiplier", family.name));
  if (!multiplier || h.rope.scaling != RopeScaling::yarn) return;
  // The file has a tenth of the publishers' mscale_all_dim, and the rotation no magnitude left.
  h.attn_scale *= stretched(10 * *multiplier, h.rope.factor);
  h.rope.attn_factor = 1;
  h.rope_local = h.rope;
}

void check_experts(const Hyper& h) {
  const Router& r = h.experts;
  if (r.n_expert == 0) return;
  if (r.n_used < 1 || r.n_used > r.n_expert)
    fail(Code::data_loss, "{} of {} experts a token", r.n_used, r.n_expert);
  if (r.n_expert % r.n_group != 0 || r.n_group_used > r.n_group ||
      r.n_expert / r.n_group * r.n_group_used < r.n_used)
    fail(Code::data_loss, "{} experts in {} groups, {} chosen from {} of them", r.n_expert,
         r.n_group, r.n_used, r.n_group_used);
}

}  // namespace strata::model
