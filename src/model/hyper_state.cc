#include "model/hyper_state.h"

#include <cmath>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_config.h"
#include "model/format/value.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using namespace hyper_max;

int integer(const HfConfig& config, std::string_view key, int64_t absent, int64_t max) {
  return checked(key, config.integer(key).value_or(absent), 1, max);
}

float real(const HfConfig& config, std::string_view key, double absent) {
  return static_cast<float>(checked(key, config.real(key).value_or(absent), -1e9, 1e9));
}

int expanded(const HfConfig& config, std::string_view key, const Hyper& h) {
  return checked(key, integer(config, key, 2, kWidth) * int64_t{h.d_model}, 1, kWidth);
}

// time_step_limit: [least, most].
void read_limits(const HfConfig& config, StateSpace& s) {
  const auto limits = config.reals("time_step_limit");
  if (!limits) return;
  if (limits->size() != 2 || !((*limits)[0] <= (*limits)[1]))
    fail(Code::data_loss, "config.json: time_step_limit is not a pair of ascending numbers");
  s.dt_min = static_cast<float>((*limits)[0]);
  s.dt_max = static_cast<float>((*limits)[1]);
}

void check_heads(const StateSpace& s) {
  if (s.d_inner % s.n_head != 0)
    fail(Code::data_loss, "{} channels cannot be shared evenly by {} heads", s.d_inner, s.n_head);
  if (s.n_head % s.n_group != 0 || s.d_inner % s.n_group != 0)
    fail(Code::data_loss, "{} heads cannot share {} groups evenly", s.n_head, s.n_group);
}

void all_layers(Hyper& h) { h.ssm.layers.assign(static_cast<size_t>(h.n_layer), true); }

// layer_types; false where the file does not list them.
bool listed_layers(const HfConfig& config, std::string_view recurrent, Hyper& h) {
  const auto types = config.texts("layer_types");
  if (!types) return false;
  if (static_cast<int>(types->size()) != h.n_layer)
    fail(Code::data_loss, "layer_types has {} elements for {} layers", types->size(), h.n_layer);
  for (int i = 0; i < h.n_layer; ++i) {
    if ((*types)[i] != "full_attention" && (*types)[i] != recurrent)
      fail(Code::unimplemented, "layer type '{}' is unknown; this family has full_attention and {}",
           printable((*types)[i]), recurrent);
    h.ssm.layers[i] = (*types)[i] == recurrent;
  }
  return true;
}

void every_few_layers_attend(int interval, Hyper& h) {
  for (int i = 0; i < h.n_layer; ++i) h.ssm.layers[i] = (i + 1) % interval != 0;
}

void layer_norm_epsilon(const HfConfig& config, Hyper& h) {
  h.norm_eps = static_cast<float>(
      checked("layer_norm_epsilon", config.real("layer_norm_epsilon").value_or(1e-5), 0, 1));
}

}  // namespace

void mamba_hf(const HfConfig& config, Hyper& h) {
  StateSpace& s = h.ssm;
  s.kind = StateKind::selective;
  s.d_conv = integer(config, "conv_kernel", 4, kTaps);
  s.d_state = integer(config, "state_size", 16, kState);
  s.d_inner = expanded(config, "expand", h);
  const int rank = (h.d_model + 15) / 16;   // "auto"
  s.dt_rank = config.is_text("time_step_rank") ? rank
                                               : integer(config, "time_step_rank", rank, kWidth);
  layer_norm_epsilon(config, h);
  all_layers(h);
}

void mamba2_hf(const HfConfig& config, Hyper& h) {
  StateSpace& s = h.ssm;
  s.kind = StateKind::dual;
  s.d_conv = integer(config, "conv_kernel", 4, kTaps);
  s.d_state = integer(config, "state_size", 128, kState);
  s.d_inner = expanded(config, "expand", h);
  s.n_head = integer(config, "num_heads", 128, kHeads);
  s.n_group = integer(config, "n_groups", 8, kHeads);
  read_limits(config, s);
  check_heads(s);
  layer_norm_epsilon(config, h);
  all_layers(h);
}

void falcon_h1_hf(const HfConfig& config, Hyper& h) {
  StateSpace& s = h.ssm;
  s.kind = StateKind::dual;
  s.d_conv = integer(config, "mamba_d_conv", 4, kTaps);
  s.d_state = integer(config, "mamba_d_state", 256, kState);
  s.n_head = integer(config, "mamba_n_heads", 128, kHeads);
  s.n_group = integer(config, "mamba_n_groups", 1, kHeads);
  s.d_inner = config.is_null("mamba_d_ssm") ? expanded(config, "mamba_expand", h)
                                            : integer(config, "mamba_d_ssm", 1024, kWidth);
  s.gate_first = !config.boolean("mamba_norm_before_gate").value_or(true);
  read_limits(config, s);
  check_heads(s);
  all_layers(h);

  Multipliers& m = h.multiply;
  m.attention_in = real(config, "attention_in_multiplier", 1);
  m.attention_out = real(config, "attention_out_multiplier", 1);
  m.ssm_in = real(config, "ssm_in_multiplier", 1);
  m.ssm_out = real(config, "ssm_out_multiplier", 1);
  h.logit_scale = real(config, "lm_head_multiplier", 1);
  h.embed_scale = real(config, "embedding_multiplier", 1);
  h.attn_scale = h.scale() * real(config, "key_multiplier", 1);   // a factor of k is one of q.k
  const auto read = [&](std::string_view key, std::initializer_list<float*> to) {
    const auto values = config.reals(key);
    if (!values) return;
    if (values->size() != to.size())
      fail(Code::data_loss, "config.json: {} has {} elements, expected {}", key, values->size(),
           to.size());
    size_t i = 0;
    for (float* t : to) *t = static_cast<float>(checked(key, (*values)[i++], -1e9, 1e9));
  };
  read("mlp_multipliers", {&m.gate, &m.down});
  read("ssm_multipliers", {&m.ssm[0], &m.ssm[1], &m.ssm[2], &m.ssm[3], &m.ssm[4]});
}

void delta_net_hf(const HfConfig& config, Hyper& h) {
  StateSpace& s = h.ssm;
  s.kind = StateKind::delta;
  s.d_conv = integer(config, "linear_conv_kernel_dim", 4, kTaps);
  s.d_state = integer(config, "linear_key_head_dim", 128, kState);
  s.n_group = integer(config, "linear_num_key_heads", 16, kHeads);
  s.n_head = integer(config, "linear_num_value_heads", 32, kHeads);
  s.d_inner = checked("linear_value_head_dim",
                      integer(config, "linear_value_head_dim", 128, kHeadDim) * int64_t{s.n_head},
                      1, kWidth);
  check_heads(s);
  all_layers(h);
  if (!listed_layers(config, "linear_attention", h))
    every_few_layers_attend(integer(config, "full_attention_interval", 4, kLayers), h);
}

void short_conv_hf(const HfConfig& config, Hyper& h) {
  h.ssm.kind = StateKind::convolution;
  h.ssm.d_conv = integer(config, "conv_L_cache", 3, kTaps);
  h.ssm.d_inner = h.d_model;
  h.norm_eps =
      static_cast<float>(checked("norm_eps", config.real("norm_eps").value_or(1e-5), 0, 1));
  all_layers(h);
  if (!listed_layers(config, "conv", h)) {
    const auto attend = config.reals("full_attn_idxs");
    if (!attend) h.ssm.layers.assign(static_cast<size_t>(h.n_layer), false);
    else
      for (double i : *attend)
        if (i >= 0 && i < h.n_layer) h.ssm.layers[static_cast<size_t>(i)] = false;
  }
  // The MLP's width is two thirds of what the file says, rounded up.
  h.d_ff = integer(config, "block_ff_dim", h.d_ff, kWidth);
  if (!config.boolean("block_auto_adjust_ff_dim").value_or(true)) return;
  int64_t width = 2 * int64_t{h.d_ff} / 3;
  if (!config.is_null("block_ffn_dim_multiplier")) {
    const double factor = real(config, "block_ffn_dim_multiplier", 1);
    const int64_t unit = integer(config, "block_multiple_of", 256, kWidth);
    width = (static_cast<int64_t>(factor * static_cast<double>(width)) + unit - 1) / unit * unit;
  }
  h.d_ff = checked("block_ff_dim", width, 1, kWidth);
}

namespace {

int size(const Metadata& metadata, const Hyper& h, std::string_view tail, int64_t max,
         std::optional<int> absent = {}) {
  const std::string key = fmt::format("{}.{}", h.arch, tail);
  const auto value = metadata.integer(key);
  if (!value && !absent) fail(Code::data_loss, "metadata key '{}' is missing", key);
  return value ? checked(key, *value, 1, max) : *absent;
}

void common_sizes(const Metadata& metadata, Hyper& h) {
  StateSpace& s = h.ssm;
  s.d_conv = size(metadata, h, "ssm.conv_kernel", kTaps);
  s.d_inner = size(metadata, h, "ssm.inner_size", kWidth);
  s.d_state = size(metadata, h, "ssm.state_size", kState);
  all_layers(h);
}

}  // namespace

void mamba_gguf(const Metadata& metadata, Hyper& h) {
  h.ssm.kind = StateKind::selective;
  common_sizes(metadata, h);
  h.ssm.dt_rank = size(metadata, h, "ssm.time_step_rank", kWidth);
  const std::string norms = fmt::format("{}.ssm.dt_b_c_rms", h.arch);
  if (metadata.boolean(norms).value_or(false))
    fail(Code::unimplemented, "'{}': norms of B, C and the time step are not supported", norms);
}

void mamba2_gguf(const Metadata& metadata, Hyper& h) {
  h.ssm.kind = StateKind::dual;
  common_sizes(metadata, h);
  h.ssm.n_head = size(metadata, h, "ssm.time_step_rank", kHeads);
  h.ssm.n_group = size(metadata, h, "ssm.group_count", kHeads, 1);
  check_heads(h.ssm);
}

void delta_net_gguf(const Metadata& metadata, Hyper& h) {
  mamba2_gguf(metadata, h);
  h.ssm.kind = StateKind::delta;
  const auto layers = metadata.integers(fmt::format("{}.attention.recurrent_layers", h.arch));
  if (layers && static_cast<int>(layers->size()) >= h.n_layer) {
    for (int i = 0; i < h.n_layer; ++i) h.ssm.layers[i] = (*layers)[i] != 0;
  } else {
    every_few_layers_attend(size(metadata, h, "full_attention_interval", kLayers, 4), h);
  }
}

void tiled_delta_net_gguf(const Metadata& metadata, Hyper& h) {
  delta_net_gguf(metadata, h);
  h.ssm.tiled = true;
}

void short_conv_gguf(const Metadata& metadata, Hyper& h) {
  h.ssm.kind = StateKind::convolution;
  h.ssm.d_conv = size(metadata, h, "shortconv.l_cache", kTaps);
  h.ssm.d_inner = h.d_model;
  all_layers(h);
  const auto heads = metadata.integers(fmt::format("{}.attention.head_count_kv", h.arch));
  for (int i = 0; i < h.n_layer; ++i)
    h.ssm.layers[i] = heads && i < static_cast<int>(heads->size()) && (*heads)[i] == 0;
}

}  // namespace strata::model
