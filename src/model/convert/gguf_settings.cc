#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "base/error.h"
#include "model/convert/conventions.h"
#include "model/convert/gguf_form.h"
#include "model/family.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

/// What llama3's rule divides each frequency by. Source: the reference code of Llama 3.1.
std::vector<float> llama3_divisors(const Rope& rope) {
  std::vector<float> out;
  const double low = rope.original_context / rope.low_freq_factor;
  const double high = rope.original_context / rope.high_freq_factor;
  for (int i = 0; i < rope.d / 2; ++i) {
    const double length = 2 * std::numbers::pi * std::pow(rope.theta, 2.0 * i / rope.d);
    const double smooth = (rope.original_context / length - rope.low_freq_factor) /
                          (rope.high_freq_factor - rope.low_freq_factor);
    out.push_back(static_cast<float>(length < high  ? 1
                                     : length > low ? rope.factor
                                                    : 1 / ((1 - smooth) / rope.factor + smooth)));
  }
  return out;
}

class Writer {
 public:
  Writer(const Hyper& h, Metadata& out)
      : h_(h),
        out_(out),
        family_(*find_family(h.arch)),
        habits_(gguf_habits(h.arch)),
        arch_(habits_.written_as) {}

  void write(int64_t n_vocab) {
    out_.values["general.architecture"] = {std::string(arch_)};
    if (!h_.name.empty()) out_.values["general.name"] = {h_.name};
    put("block_count", h_.n_layer + h_.n_nextn);
    if (h_.n_nextn > 0) put("nextn_predict_layers", h_.n_nextn);
    put("context_length", h_.n_context);
    put("embedding_length", h_.d_model);
    put("feed_forward_length", family_.attention ? h_.d_ff : 0);
    write_heads();
    if (h_.ssm.kind != StateKind::none) write_state();
    put_real(h_.norm == Norm::layer ? "attention.layer_norm_epsilon"
                                    : "attention.layer_norm_rms_epsilon",
             h_.norm_eps);
    put("vocab_size", n_vocab);
    if (h_.experts.n_expert > 0) write_experts();
    write_rope();
    write_factors();
    if (h_.attn_softcap > 0) put_real("attn_logit_softcapping", h_.attn_softcap);
    if (h_.logit_softcap > 0) put_real("final_logit_softcapping", h_.logit_softcap);
    write_windows();
  }

  std::string_view arch() const { return arch_; }

  void write_scale() { put_real("attention.scale", h_.scale()); }

  void write_pattern() {
    Value::Ints local;
    for (int w : h_.window) local.push_back(w > 0);
    out_.values[key("attention.sliding_window_pattern")] = {std::move(local)};
  }

 private:
  std::string key(std::string_view tail) const { return fmt::format("{}.{}", arch_, tail); }
  void put(std::string_view tail, int64_t value) {
    out_.values[key(tail)] = {static_cast<uint64_t>(value)};
  }
  void put_real(std::string_view tail, double value) { out_.values[key(tail)] = {value}; }

  void write_heads() {
    put("attention.head_count", family_.attention ? h_.n_head : 0);
    if (!family_.attention) return;
    if (h_.ssm.kind == StateKind::convolution) {
      Value::Ints heads;
      for (bool convolution : h_.ssm.layers) heads.push_back(convolution ? 0 : h_.n_head_kv);
      out_.values[key("attention.head_count_kv")] = {std::move(heads)};
    } else {
      put("attention.head_count_kv", habits_.absorbed ? 1 : h_.n_head_kv);
    }
    const Latent& l = h_.latent;
    put("attention.key_length", habits_.absorbed ? l.rank + l.d_rope : h_.d_head);
    put("attention.value_length", habits_.absorbed ? l.rank : h_.d_head_v);
    if (l.rank == 0) return;
    put("attention.kv_lora_rank", l.rank);
    if (!habits_.absorbed) return;
    put("attention.key_length_mla", h_.d_head);
    put("attention.value_length_mla", h_.d_head_v);
  }

  void write_state() {
    const StateSpace& s = h_.ssm;
    if (s.kind == StateKind::convolution) return put("shortconv.l_cache", s.d_conv);
    const bool selective = s.kind == StateKind::selective;
    put("ssm.conv_kernel", s.d_conv);
    put("ssm.inner_size", s.d_inner);
    put("ssm.state_size", s.d_state);
    put("ssm.time_step_rank", selective ? s.dt_rank : s.n_head);
    if (selective) out_.values[key("ssm.dt_b_c_rms")] = {false};
    else put("ssm.group_count", s.n_group);
    if (s.kind != StateKind::delta) return;
    Value::Ints recurrent(s.layers.begin(), s.layers.end());
    recurrent.resize(recurrent.size() + h_.n_nextn);
    const auto first = std::find(recurrent.begin(), recurrent.end(), 0) - recurrent.begin();
    put("full_attention_interval", first + 1);
    out_.values[key("attention.recurrent_layers")] = {std::move(recurrent)};
  }

  void write_rope() {
    const Rope& r = h_.rope;
    put("rope.dimension_count", r.d);
    put_real("rope.freq_base", r.theta);
    if (habits_.rope_sections)   // texts have one position for all axes: any shares will do
      out_.values[key("rope.dimension_sections")] = {
          Value::Ints{(r.d / 2 + 2) / 3, (r.d / 2 + 1) / 3, r.d / 6, 0}};
    if (h_.rope_local.d > 0 && h_.rope_local.theta != r.theta)
      put_real("rope.freq_base_swa", h_.rope_local.theta);
    if (r.scaling == RopeScaling::longrope) {
      out_.values[key("rope.scaling.type")] = {std::string("longrope")};
      put("rope.scaling.original_context_length", r.original_context);
      put_real("rope.scaling.attn_factor", rope_magnitude(r));
    }
    if (r.scaling != RopeScaling::linear && r.scaling != RopeScaling::yarn) return;
    const bool yarn = r.scaling == RopeScaling::yarn;
    out_.values[key("rope.scaling.type")] = {std::string(yarn ? "yarn" : "linear")};
    put_real("rope.scaling.factor", r.factor);
    put("rope.scaling.original_context_length", r.original_context);
    if (!yarn) return;
    put_real("rope.scaling.yarn_beta_fast", r.beta_fast);
    put_real("rope.scaling.yarn_beta_slow", r.beta_slow);
    const double stretched = std::sqrt(double{h_.scale()} * std::sqrt(h_.d_head));
    if (h_.latent.rank > 0 && stretched > 1 && r.factor > 1)
      return put_real("rope.scaling.yarn_log_multiplier", (stretched - 1) / std::log(r.factor));
    const double standard = r.factor > 1 ? 0.1 * std::log(r.factor) + 1 : 1;
    if (r.attn_factor != 0) put_real("rope.scaling.attn_factor", r.attn_factor / standard);
  }

  void write_experts() {
    const kernel::Router& r = h_.experts;
    put("expert_count", r.n_expert);
    put("expert_used_count", r.n_used);
    if (r.scoring != kernel::Scoring::sparsemixer)
      put("expert_gating_func", r.scoring == kernel::Scoring::softmax   ? 1
                                : r.scoring == kernel::Scoring::sigmoid ? 2
                                                                        : 3);
    out_.values[key("expert_weights_norm")] = {r.normalise};
    put_real("expert_weights_scale", r.scale);
    if (r.n_group > 1) {
      put("expert_group_count", r.n_group);
      put("expert_group_used_count", r.n_group_used);
    }
  }

  void write_factors() {
    const double usual = family_.scaled_embedding ? std::sqrt(static_cast<float>(h_.d_model)) : 1;
    if (h_.embed_scale != usual) put_real("embedding_scale", h_.embed_scale / usual);
    if (h_.residual_scale != 1) put_real("residual_scale", h_.residual_scale);
    const double logits = family_.divides_logits ? 1 / h_.logit_scale : h_.logit_scale;
    if (family_.divides_logits || logits != family_.logit_scale) put_real("logit_scale", logits);
    if (h_.clip_qkv > 0) put_real("attention.clamp_kqv", h_.clip_qkv);
    if (h_.alibi_bias_max > 0) put_real("attention.max_alibi_bias", h_.alibi_bias_max);
    if (h_.parallel != family_.parallel) out_.values[key("use_parallel_residual")] = {h_.parallel};
  }

  void write_windows() {
    for (int w : h_.window)
      if (w > 0) return put("attention.sliding_window", w);
  }

  const Hyper& h_;
  Metadata& out_;
  const Family& family_;
  GgufHabits habits_;
  std::string_view arch_;
};

/// Rotary settings that come as tensors.
RopeFactors rope_factors(const Rope& rope) {
  if (rope.scaling == RopeScaling::llama3) return {.divisors = llama3_divisors(rope)};
  return {.divisors = rope.freq_divisors,
          .short_factors = rope.short_factors,
          .long_factors = rope.long_factors};
}

/// GGUF says llama3's scaling by what each frequency is divided by.
Hyper with_divisors(Hyper h) {
  for (Rope* r : {&h.rope, &h.rope_local}) {
    if (r->scaling != RopeScaling::llama3) continue;
    r->freq_divisors = llama3_divisors(*r);
    r->scaling = RopeScaling::none;
  }
  return h;
}

/// Factors that GGUF's weights of the family contain are none of its settings.
Hyper without_scaled(Hyper h) {
  if (!gguf_habits(h.arch).weights_scaled) return h;
  h.multiply = {};
  h.embed_scale = h.logit_scale = 1;
  h.attn_scale = 0;
  return h;
}

}  // namespace

GgufSettings gguf_settings(const Hyper& whole, int64_t n_vocab) {
  const Hyper hyper = without_scaled(whole);
  GgufSettings out{.rope = rope_factors(hyper.rope)};
  Writer writer(hyper, out.metadata);
  writer.write(n_vocab);
  const auto read = [&] {
    try {
      return read_hyper_gguf(out.metadata, n_vocab, out.rope);
    } catch (const Error& e) {
      fail(Code::unimplemented, "{} models cannot be written as GGUF: {}", hyper.arch, e.what());
    }
  };
  // Keys that only models outside their family's rule need; other programs know few of them.
  out.hyper = read();
  // Other programs' default is another one for such a family.
  const bool unit_scale = find_family(hyper.arch)->unit_attn_scale;
  if (unit_scale || !same_scale(out.hyper, hyper)) writer.write_scale();
  if (out.hyper.window != hyper.window) writer.write_pattern();
  out.hyper = read();
  if (const std::string setting = difference(out.hyper, with_divisors(hyper));
      !setting.empty())
    fail(Code::unimplemented, "GGUF has no key for the {} of this {} model", setting, hyper.arch);
  return out;
}

}  // namespace strata::model
