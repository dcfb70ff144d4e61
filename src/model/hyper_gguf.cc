#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/value.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using namespace hyper_max;

/// Metadata under "ARCH.".
class Keys {
 public:
  Keys(const Metadata& metadata, std::string_view arch) : metadata_(metadata), arch_(arch) {}

  std::string key(std::string_view tail) const { return fmt::format("{}.{}", arch_, tail); }
  bool has(std::string_view tail) const { return metadata_.has(key(tail)); }

  std::optional<int> integer(std::string_view tail, int64_t min, int64_t max) const {
    const std::string k = key(tail);
    const auto values = metadata_.integers(k);
    if (!values) return std::nullopt;
    // One value a layer is allowed; layers of different sizes are not.
    if (values->empty()) fail(Code::data_loss, "'{}' is an empty array", k);
    for (int64_t v : *values)
      if (v != values->front())
        fail(Code::unimplemented, "'{}' differs between layers, which this build does not support",
             k);
    return checked(k, values->front(), min, max);
  }
  /// One value, or one a layer with 0 for layers that do not attend.
  std::optional<int> head_count_kv() const {
    const std::string k = key("attention.head_count_kv");
    auto values = metadata_.integers(k);
    if (!values) return std::nullopt;
    std::erase(*values, 0);
    for (int64_t v : *values)
      if (v != values->front())
        fail(Code::unimplemented, "'{}' differs between layers, which this build does not support",
             k);
    return values->empty() ? 1 : checked(k, values->front(), 1, kHeads);
  }
  int required(std::string_view tail, int64_t max) const {
    if (auto value = integer(tail, 1, max)) return *value;
    fail(Code::data_loss, "metadata key '{}' is missing", key(tail));
  }
  std::optional<double> real(std::string_view tail, double min, double max) const {
    const std::string k = key(tail);
    const auto value = metadata_.real(k);
    return value ? std::optional(checked(k, *value, min, max)) : std::nullopt;
  }
  std::optional<bool> boolean(std::string_view tail) const { return metadata_.boolean(key(tail)); }
  std::optional<std::string> text(std::string_view tail) const { return metadata_.text(key(tail)); }
  std::optional<Value::Ints> integers(std::string_view tail) const {
    return metadata_.integers(key(tail));
  }

 private:
  const Metadata& metadata_;
  std::string_view arch_;
};

Rope read_rope(const Keys& keys, const Family& family, const Hyper& h) {
  Rope rope;
  rope.d = keys.integer("rope.dimension_count", 0, kHeadDim)
               .value_or(static_cast<int>(h.d_head * family.rotated));
  if (family.rotated == 0) rope.d = 0;
  rope.theta = keys.real("rope.freq_base", 1.0001, 1e15).value_or(10000);
  rope.interleaved = family.interleaved_in_gguf;
  // 0 stands for "none" in files of old converters.
  auto factor = keys.real("rope.scaling.factor", 0, 1e6);
  if (!factor) factor = keys.real("rope.scale_linear", 0, 1e6);
  rope.factor = factor && *factor > 0 ? *factor : 1;
  rope.original_context =
      keys.integer("rope.scaling.original_context_length", 1, kContext).value_or(h.n_context);
  const std::string type = keys.text("rope.scaling.type").value_or("linear");
  if (type == "yarn") {
    rope.scaling = RopeScaling::yarn;
    rope.beta_fast = keys.real("rope.scaling.yarn_beta_fast", 1e-3, 1e6).value_or(32);
    rope.beta_slow = keys.real("rope.scaling.yarn_beta_slow", 1e-3, 1e6).value_or(1);
    // The file's factors multiply the standard one.
    auto magnitude = [&](double multiplier) {
      return rope.factor > 1 ? 0.1 * multiplier * std::log(rope.factor) + 1 : 1;
    };
    rope.attn_factor = magnitude(1) * keys.real("rope.scaling.attn_factor", 1e-3, 1e3).value_or(1);
    if (auto log_multiplier = keys.real("rope.scaling.yarn_log_multiplier", 0, 100))
      rope.attn_factor /= magnitude(*log_multiplier);
  } else if (type == "linear") {
    rope.scaling = rope.factor != 1 ? RopeScaling::linear : RopeScaling::none;
  } else if (type != "none" && type != "longrope") {
    fail(Code::unimplemented, "'{}' is '{}'; this build knows none, linear and yarn",
         keys.key("rope.scaling.type"), printable(type));
  }
  if (type != "yarn")
    rope.attn_factor = keys.real("rope.scaling.attn_factor", 0, 1e3).value_or(0);
  return rope;
}

void read_longrope(const RopeFactors& factors, Hyper& h) {
  h.rope.long_factors = factors.long_factors;
  h.rope.short_factors = factors.short_factors;
  h.rope.scaling = RopeScaling::longrope;
  h.rope.factor = static_cast<double>(h.n_context) / h.rope.original_context;
}

// Scaling stretches the full-attention layers alone where the local ones have a base of their own.
Rope read_rope_local(const Keys& keys, const Family& family, const Rope& rope) {
  const auto theta = keys.real("rope.freq_base_swa", 1.0001, 1e15);
  if (!theta && family.rope_theta_local == 0 && !family.rope_local_unscaled) return rope;
  Rope local = rope;
  local.theta = theta.value_or(family.rope_theta_local != 0 ? family.rope_theta_local : rope.theta);
  if (family.rope_theta_local != 0 || family.rope_local_unscaled) {
    local.scaling = RopeScaling::none;
    local.factor = 1;
  }
  return local;
}

std::vector<int> read_windows(const Keys& keys, const Family& family, int n_layer) {
  std::vector<int> windows(n_layer, 0);
  const bool first = family.windows == WindowRule::after_first;
  const bool alternating = family.windows == WindowRule::alternating || first;
  // Gemma 2 files of the first converters lack the key; without it Gemma 3 attends to everything.
  const int absent = alternating && family.rope_theta_local == 0 ? family.window : 0;
  const int window = keys.integer("attention.sliding_window", 0, kContext).value_or(absent);
  if (window == 0 || family.windows == WindowRule::upper) return windows;

  const auto pattern = keys.integers("attention.sliding_window_pattern");
  const std::string key = keys.key("attention.sliding_window_pattern");
  if (pattern && pattern->size() > 1) {
    if (static_cast<int>(pattern->size()) < n_layer)
      fail(Code::data_loss, "'{}' has {} elements for {} layers", key, pattern->size(), n_layer);
    for (int i = 0; i < n_layer; ++i) windows[i] = (*pattern)[i] ? window : 0;
    return windows;
  }
  const int period = pattern && pattern->size() == 1 ? checked(key, pattern->front(), 0, kLayers)
                     : alternating                  ? family.window_pattern
                                                    : 0;
  for (int i = 0; i < n_layer; ++i)
    if (period == 0 || i % period != (first ? 0 : period - 1)) windows[i] = window;
  return windows;
}

std::vector<bool> read_no_rope(const Family& family, const Hyper& h) {
  std::vector<bool> none;
  if (family.no_rope == NoRopeRule::none) return none;
  const bool any = std::any_of(h.window.begin(), h.window.end(), [](int w) { return w > 0; });
  for (int i = 0; i < h.n_layer; ++i)
    none.push_back(family.no_rope == NoRopeRule::global ? any && h.window[i] == 0
                                                        : (i + 1) % family.no_rope_interval == 0);
  return none;
}

// The file's logit_scale divides for Granite and multiplies for Cohere, as with their publishers.
void read_factors(const Keys& keys, const Family& family, Hyper& h) {
  const auto factor = [&](std::string_view tail, double absent) {
    return static_cast<float>(keys.real(tail, -1e9, 1e9).value_or(absent));
  };
  h.embed_scale *= factor("embedding_scale", 1);
  h.residual_scale = factor("residual_scale", 1);
  h.logit_scale = factor("logit_scale", family.logit_scale);
  if (family.divides_logits && h.logit_scale != 0) h.logit_scale = 1 / h.logit_scale;
  h.clip_qkv = static_cast<float>(keys.real("attention.clamp_kqv", 0, 1e9).value_or(0));
  h.alibi_bias_max = static_cast<float>(
      keys.real("attention.max_alibi_bias", 0, 1e3).value_or(family.alibi_bias_max));
}

}  // namespace

Hyper read_hyper_gguf(const Metadata& metadata, int64_t n_vocab_rows, const RopeFactors& factors) {
  const auto arch = metadata.text("general.architecture");
  if (!arch) fail(Code::data_loss, "metadata key 'general.architecture' is missing");
  const Family* family = find_family(*arch);
  if (!family)
    fail(Code::unimplemented, "unknown architecture '{}'; this build knows {}", printable(*arch),
         known_families());
  const Keys keys(metadata, *arch);

  Hyper h;
  h.arch = *arch;
  h.name = metadata.text("general.name").value_or("");
  h.n_layer = keys.required("block_count", kLayers);
  read_experts_gguf(metadata, *family, h);
  h.d_model = keys.required("embedding_length", kWidth);
  h.d_ff = family->attention ? keys.required("feed_forward_length", kWidth) : 1;
  h.n_head = family->attention ? keys.required("attention.head_count", kHeads) : 1;
  h.n_head_kv = family->attention ? keys.head_count_kv().value_or(h.n_head) : 1;
  h.n_context = keys.required("context_length", kContext);
  const int d_head_default = h.d_model / h.n_head;
  h.d_head = checked(keys.key("attention.key_length"),
                     int64_t{keys.integer("attention.key_length", 1, kHeadDim)
                                 .value_or(d_head_default)}, 1, kHeadDim);
  h.d_head_v = keys.integer("attention.value_length", 1, kHeadDim).value_or(h.d_head);

  const auto* tokens = metadata.strings("tokenizer.ggml.tokens");
  int64_t n_vocab = n_vocab_rows;
  if (n_vocab == 0) n_vocab = keys.integer("vocab_size", 1, kVocab).value_or(0);
  if (n_vocab == 0 && tokens) n_vocab = static_cast<int64_t>(tokens->size());
  h.n_vocab = checked(keys.key("vocab_size"), n_vocab, 1, kVocab);
  if (tokens && static_cast<int64_t>(tokens->size()) > n_vocab)
    fail(Code::data_loss, "tokenizer.ggml.tokens has {} entries, but the embedding has {} rows",
         tokens->size(), n_vocab);

  h.norm = family->norm;
  const char* eps_key = h.norm == Norm::layer ? "attention.layer_norm_epsilon"
                                              : "attention.layer_norm_rms_epsilon";
  const auto eps = keys.real(eps_key, 0, 1);
  if (!eps) fail(Code::data_loss, "metadata key '{}' is missing", keys.key(eps_key));
  h.norm_eps = static_cast<float>(*eps);
  h.act = family->act;
  read_conventions(*family, h);
  h.parallel = keys.boolean("use_parallel_residual").value_or(family->parallel);

  h.rope = read_rope(keys, *family, h);
  h.rope.freq_divisors = factors.divisors;
  if (!factors.long_factors.empty()) read_longrope(factors, h);
  h.rope_local = read_rope_local(keys, *family, h.rope);
  h.window = read_windows(keys, *family, h.n_layer);
  h.no_rope = read_no_rope(*family, h);

  if (auto scale = keys.real("attention.scale", 1e-6, 1e3))
    h.attn_scale = static_cast<float>(*scale);
  else if (family->layers_scaled_by_width == h.n_layer)
    h.attn_scale = 1 / std::sqrt(static_cast<float>(d_head_default));
  else if (family->unit_attn_scale)
    h.attn_scale = 1;
  h.attn_softcap = static_cast<float>(
      keys.real("attn_logit_softcapping", 0, 1e6).value_or(family->attn_softcap));
  h.logit_softcap = static_cast<float>(
      keys.real("final_logit_softcapping", 0, 1e6).value_or(family->logit_softcap));
  read_factors(keys, *family, h);
  read_latent_gguf(metadata, *family, h);
  if (family->adjust_gguf) family->adjust_gguf(metadata, h);
  return h;
}

}  // namespace strata::model
