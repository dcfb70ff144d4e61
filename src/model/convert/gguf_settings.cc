#include <cmath>
#include <numbers>
#include <tuple>

#include "base/error.h"
#include "model/convert/gguf_form.h"
#include "model/family.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

// Families that GGUF files call by another one's name.
constexpr std::pair<std::string_view, std::string_view> kWrittenAs[] = {{"mistral", "llama"}};

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
  Writer(const Hyper& h, Metadata& out) : h_(h), out_(out), arch_(h.arch) {
    for (const auto& [family, name] : kWrittenAs)
      if (h.arch == family) arch_ = name;
  }

  void write(int64_t n_vocab) {
    out_.values["general.architecture"] = {std::string(arch_)};
    if (!h_.name.empty()) out_.values["general.name"] = {h_.name};
    put("block_count", h_.n_layer);
    put("context_length", h_.n_context);
    put("embedding_length", h_.d_model);
    put("feed_forward_length", h_.d_ff);
    put("attention.head_count", h_.n_head);
    put("attention.head_count_kv", h_.n_head_kv);
    put("attention.key_length", h_.d_head);
    put("attention.value_length", h_.d_head_v);
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

  void write_rope() {
    const Rope& r = h_.rope;
    put("rope.dimension_count", r.d);
    put_real("rope.freq_base", r.theta);
    if (h_.rope_local.d > 0 && h_.rope_local.theta != r.theta)
      put_real("rope.freq_base_swa", h_.rope_local.theta);
    if (r.scaling != RopeScaling::linear && r.scaling != RopeScaling::yarn) return;
    const bool yarn = r.scaling == RopeScaling::yarn;
    out_.values[key("rope.scaling.type")] = {std::string(yarn ? "yarn" : "linear")};
    put_real("rope.scaling.factor", r.factor);
    put("rope.scaling.original_context_length", r.original_context);
    if (!yarn) return;
    put_real("rope.scaling.yarn_beta_fast", r.beta_fast);
    put_real("rope.scaling.yarn_beta_slow", r.beta_slow);
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
    const Family* family = find_family(h_.arch);
    const double usual = family->scaled_embedding ? std::sqrt(static_cast<float>(h_.d_model)) : 1;
    if (h_.embed_scale != usual) put_real("embedding_scale", h_.embed_scale / usual);
    if (h_.residual_scale != 1) put_real("residual_scale", h_.residual_scale);
    const double logits = family->divides_logits ? 1 / h_.logit_scale : h_.logit_scale;
    if (logits != family->logit_scale) put_real("logit_scale", logits);
    if (h_.clip_qkv > 0) put_real("attention.clamp_kqv", h_.clip_qkv);
    if (h_.alibi_bias_max > 0) put_real("attention.max_alibi_bias", h_.alibi_bias_max);
    if (h_.parallel != family->parallel) out_.values[key("use_parallel_residual")] = {h_.parallel};
  }

  void write_windows() {
    for (int w : h_.window)
      if (w > 0) return put("attention.sliding_window", w);
  }

  const Hyper& h_;
  Metadata& out_;
  std::string_view arch_;
};

double rounded(double value) { return std::round(value * 1e5); }

// What both files must agree on. How rows and gains are stored is not part of it.
void forget_form(Hyper& h, std::string_view arch) {
  h.arch = arch;
  h.name.clear();
  h.norm_offset = 0;
  h.position_offset = 0;
  h.qkv_by_group = h.transposed = h.normalised_head = false;
  h.n_context = 0;  // a stretched model may be said to be as long as it was trained for
  for (float* x : {&h.embed_scale, &h.residual_scale, &h.logit_scale, &h.norm_eps})
    *x = static_cast<float>(std::round(double{*x} * 1e9));
  h.attn_scale = static_cast<float>(rounded(h.scale()));
  for (Rope* r : {&h.rope, &h.rope_local}) {
    r->interleaved = false;
    if (r->scaling == RopeScaling::llama3) {
      r->freq_divisors = llama3_divisors(*r);
      r->scaling = RopeScaling::none;
    }
    const bool yarn = r->scaling == RopeScaling::yarn;
    if (!yarn) r->attn_factor = 0;
    if (r->scaling == RopeScaling::none) r->factor = 1;
    if (!yarn && r->scaling != RopeScaling::linear) r->original_context = 0;
    for (double* x : {&r->theta, &r->factor, &r->beta_fast, &r->beta_slow, &r->attn_factor})
      *x = rounded(*x);
    r->low_freq_factor = r->high_freq_factor = 0;
  }
}

// Everything that the two formats have keys for, so that one that got lost is noticed.
auto shape_of(const Hyper& h) {
  return std::tie(h.n_layer, h.d_model, h.n_head, h.n_head_kv, h.d_head, h.d_head_v, h.d_ff,
                  h.n_vocab, h.learned_positions, h.embedding_norm, h.final_norm, h.causal);
}
auto arithmetic_of(const Hyper& h) {
  return std::tie(h.norm, h.norm_eps, h.act, h.window, h.no_rope, h.attn_scale, h.scaled_by_layer,
                  h.attn_softcap, h.logit_softcap, h.embed_scale, h.residual_scale, h.logit_scale,
                  h.clip_qkv, h.alibi_bias_max, h.alibi_scaled, h.parallel, h.residual_of_norm,
                  h.norm_behind);
}
auto experts_of(const Hyper& h) {
  const kernel::Router& r = h.experts;
  return std::tie(r.scoring, r.n_expert, r.n_used, r.n_group, r.n_group_used, r.group_by_two,
                  r.normalise, r.sum_min, r.scale, r.jitter, h.expert_clamp, h.expert_alpha,
                  h.n_nextn, h.latent.rank);
}
auto rope_of(const Rope& r) {
  return std::tie(r.d, r.theta, r.scaling, r.factor, r.beta_fast, r.beta_slow, r.truncate,
                  r.attn_factor, r.original_context, r.short_factors, r.long_factors,
                  r.freq_divisors);
}

}  // namespace

bool same_model(Hyper a, Hyper b) {
  forget_form(a, "");
  forget_form(b, "");
  return shape_of(a) == shape_of(b) && arithmetic_of(a) == arithmetic_of(b) &&
         experts_of(a) == experts_of(b) && rope_of(a.rope) == rope_of(b.rope) &&
         rope_of(a.rope_local) == rope_of(b.rope_local);
}

GgufSettings gguf_settings(const Hyper& hyper, int64_t n_vocab) {
  GgufSettings out;
  Writer writer(hyper, out.metadata);
  writer.write(n_vocab);
  if (hyper.rope.scaling == RopeScaling::llama3) out.rope_freqs = llama3_divisors(hyper.rope);
  if (!hyper.rope.freq_divisors.empty()) out.rope_freqs = hyper.rope.freq_divisors;

  const auto read = [&] {
    try {
      return read_hyper_gguf(out.metadata, n_vocab, out.rope_freqs);
    } catch (const Error& e) {
      fail(Code::unimplemented, "{} models cannot be written as GGUF: {}", hyper.arch, e.what());
    }
  };
  // Keys that only models outside their family's rule need; other programs know few of them.
  const Hyper got = read();
  if (rounded(got.scale()) != rounded(hyper.scale())) writer.write_scale();
  if (got.window != hyper.window) writer.write_pattern();
  if (!same_model(read(), hyper))
    fail(Code::unimplemented,
         "the settings of this {} model have no keys in GGUF: a file would not compute the same",
         hyper.arch);
  return out;
}

}  // namespace strata::model
