#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using namespace hyper_max;

using Names = std::initializer_list<std::string_view>;

/// Publishers spell one setting in several ways: the first name that is there, or the first.
std::string_view present(const HfConfig& config, Names names) {
  for (std::string_view name : names)
    if (config.has(name)) return name;
  return *names.begin();
}

int integer(const HfConfig& config, Names names, int64_t absent, int64_t max) {
  const std::string_view key = present(config, names);
  return checked(key, config.integer(key).value_or(absent), 1, max);
}

double real(const HfConfig& config, Names names, double absent, double min, double max) {
  const std::string_view key = present(config, names);
  return checked(key, config.real(key).value_or(absent), min, max);
}
double real(const HfConfig& config, std::string_view key, double absent, double min, double max) {
  return real(config, {key}, absent, min, max);
}

const Names kLayerCount = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"};
const Names kWidths = {"hidden_size", "n_embd", "d_model", "n_embed"};
const Names kFeedForward = {"intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim"};
const Names kHeadCount = {"num_attention_heads", "n_head", "n_heads"};
const Names kHeadsKv = {"num_key_value_heads", "num_kv_heads", "n_head_kv"};
const Names kContexts = {"max_position_embeddings", "n_positions",      "max_seq_len",
                             "seq_length",              "model_max_length", "n_ctx"};
const Names kEpsilons = {"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon",
                             "norm_epsilon", "norm_eps"};
const Names kActivations = {"hidden_activation", "hidden_act", "activation_function",
                                "activation"};

kernel::Act read_act(const HfConfig& config, kernel::Act absent) {
  // Gemma 1's first files named the wrong function under hidden_act; hidden_activation corrects it.
  const std::string_view key = present(config, kActivations);
  const auto name = config.text(key);
  if (!name) return absent;
  static constexpr std::pair<std::string_view, kernel::Act> known[] = {
      {"silu", kernel::Act::silu},
      {"swish", kernel::Act::silu},
      {"swiglu", kernel::Act::silu},
      {"gelu", kernel::Act::gelu},
      {"gelu_python", kernel::Act::gelu},
      {"gelu_pytorch_tanh", kernel::Act::gelu_tanh},
      {"gelu_new", kernel::Act::gelu_tanh},
      {"gelu_fast", kernel::Act::gelu_tanh},
      {"gelu_python_tanh", kernel::Act::gelu_tanh},
      {"quick_gelu", kernel::Act::gelu_quick},
      {"relu", kernel::Act::relu},
      {"relu2", kernel::Act::relu2},
      {"relu_squared", kernel::Act::relu2},
  };
  std::string all;
  for (const auto& [spelling, act] : known) {
    if (*name == spelling) return act;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", spelling);
  }
  fail(Code::unimplemented, "{} '{}' is unknown; this build knows {}", key, printable(*name), all);
}

/// Rotary settings of one kind of layer, in the new spelling (rope_parameters, nested by layer type
/// or not) or the old one (rope_scaling, rope_theta beside it).
class RopeReader {
 public:
  RopeReader(const HfConfig& config, const Family& family, const Hyper& hyper)
      : config_(config), family_(family), h_(hyper) {}

  /// `scaled`: rope_scaling applies to these layers.
  Rope read(const char* layer_type, Names theta_keys, double theta_default, bool scaled) const {
    const std::optional<HfConfig> parameters = find(layer_type, scaled);
    Rope rope;
    rope.theta = theta_default;
    for (std::string_view key : theta_keys)
      if (auto theta = config_.real(key)) rope.theta = *theta;
    if (parameters)
      if (auto theta = parameters->real("rope_theta")) rope.theta = *theta;
    checked("rope_theta", rope.theta, 1.0001, 1e15);
    double partial = family_.rotated;
    for (const char* key :
         {"partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_emb_fraction"})
      partial = config_.real(key).value_or(partial);
    if (parameters) partial = parameters->real("partial_rotary_factor").value_or(partial);
    rope.d = static_cast<int>(h_.d_head * checked("partial_rotary_factor", partial, 0.0, 1.0));
    rope.interleaved = family_.interleaved_in_hf;
    rope.original_context = h_.n_context;
    if (parameters) read_scaling(*parameters, rope);
    return rope;
  }

 private:
  std::optional<HfConfig> find(const char* layer_type, bool scaled) const {
    // The old key wins where a file has both, as with the publishers' loader.
    if (scaled)
      if (auto old = config_.object("rope_scaling")) return old;
    auto all = config_.object("rope_parameters");
    if (!all) return std::nullopt;
    const bool nested = all->is_object("full_attention") || all->is_object("sliding_attention");
    if (nested) return all->object(layer_type);
    return scaled ? all : std::nullopt;
  }

  void read_scaling(const HfConfig& p, Rope& rope) const {
    std::string type = p.text("rope_type").value_or("");
    if (type.empty()) type = p.text("type").value_or("default");
    // Multi-section rotary embedding differs for images alone.
    if (type == "default" || type == "mrope") return;
    if (type == "dynamic") return read_dynamic(p, rope);
    if (type == "longrope" || type == "su" || p.has("short_factor"))
      return read_longrope(p, rope);

    int64_t original = p.integer("original_max_position_embeddings").value_or(h_.n_context);
    if (auto outside = config_.integer("original_max_position_embeddings")) original = *outside;
    rope.original_context = checked("original_max_position_embeddings", original, 1, kContext);
    const double factor_default =
        type == "yarn" ? static_cast<double>(h_.n_context) / rope.original_context : NAN;
    rope.factor = real(p, "factor", factor_default, 1e-3, 1e6);
    if (type == "linear") {
      rope.scaling = RopeScaling::linear;
    } else if (type == "llama3") {
      rope.scaling = RopeScaling::llama3;
      rope.low_freq_factor = real(p, "low_freq_factor", 1, 1e-3, 1e6);
      rope.high_freq_factor = real(p, "high_freq_factor", 4, 1e-3, 1e6);
    } else if (type == "yarn") {
      read_yarn(p, rope);
    } else {
      fail(Code::unimplemented,
           "rope_type '{}' is unknown; this build knows default, mrope, linear, dynamic, yarn, "
           "longrope and llama3",
           printable(type));
    }
  }

  static void read_dynamic(const HfConfig& p, Rope& rope) {
    // Hunyuan gives the stretch of the base itself, for every length.
    if (const double alpha = real(p, "alpha", 0, 0, 1e9); alpha > 0) {
      rope.theta *= std::pow(alpha, rope.d / std::max(rope.d - 2.0, 1.0));
      return;
    }
    rope.scaling = RopeScaling::dynamic;
    rope.factor = real(p, "factor", 1, 1, 1e6);
  }

  void read_longrope(const HfConfig& p, Rope& rope) const {
    rope.scaling = RopeScaling::longrope;
    int64_t original = p.integer("original_max_position_embeddings").value_or(h_.n_context);
    if (auto outside = config_.integer("original_max_position_embeddings")) original = *outside;
    rope.original_context = checked("original_max_position_embeddings", original, 1, kContext);
    rope.factor = real(p, "factor", static_cast<double>(h_.n_context) / rope.original_context, 1e-3,
                       1e6);
    rope.attn_factor = real(p, "attention_factor", 0, 0, 1e3);
    for (auto [key, factors] : {std::pair{"short_factor", &rope.short_factors},
                                std::pair{"long_factor", &rope.long_factors}}) {
      const auto given = p.reals(key);
      if (!given) fail(Code::data_loss, "longrope without '{}'", key);
      for (double f : *given)
        factors->push_back(static_cast<float>(checked(key, f, 1e-6, 1e9)));
    }
  }

  static void read_yarn(const HfConfig& p, Rope& rope) {
    rope.scaling = RopeScaling::yarn;
    rope.beta_fast = real(p, "beta_fast", 32, 1e-3, 1e6);
    rope.beta_slow = real(p, "beta_slow", 1, 1e-3, 1e6);
    rope.truncate = p.boolean("truncate").value_or(true);
    auto magnitude = [&](double multiplier) {
      return rope.factor > 1 ? 0.1 * multiplier * std::log(rope.factor) + 1 : 1;
    };
    const double mscale = p.real("mscale").value_or(0);
    const double mscale_all_dim = p.real("mscale_all_dim").value_or(0);
    rope.attn_factor = mscale != 0 && mscale_all_dim != 0
                           ? magnitude(mscale) / magnitude(mscale_all_dim)
                           : magnitude(1);
    if (auto given = p.real("attention_factor")) rope.attn_factor = *given;
    checked("attention_factor", rope.attn_factor, 1e-3, 1e3);
  }

  const HfConfig& config_;
  const Family& family_;
  const Hyper& h_;
};

std::vector<int> windows_by_type(const std::vector<std::string>& types, int window, int n_layer) {
  if (static_cast<int>(types.size()) != n_layer)
    fail(Code::data_loss, "layer_types has {} elements for {} layers", types.size(), n_layer);
  std::vector<int> windows(n_layer, 0);
  for (int i = 0; i < n_layer; ++i) {
    if (types[i] == "sliding_attention")
      windows[i] = window;
    else if (types[i] != "full_attention")
      fail(Code::unimplemented,
           "layer type '{}' is unknown; this build knows full_attention and sliding_attention",
           printable(types[i]));
  }
  return windows;
}

// Exaone writes its pattern as letters: "LLLG".
int window_period(const HfConfig& config, const Family& family) {
  const std::string_view key =
      present(config, {"sliding_window_pattern", "_sliding_window_pattern",
                       "global_attn_every_n_layers"});
  int64_t period = family.window_pattern;
  if (config.is_text(key)) period = static_cast<int64_t>(config.text(key)->size());
  else if (auto given = config.integer(key)) period = *given;
  return checked(key, period, 1, INT32_MAX);
}

std::vector<int> read_windows(const HfConfig& config, const Family& family, int n_layer) {
  std::vector<int> windows(n_layer, 0);
  if (family.windows == WindowRule::none) return windows;
  int64_t window = family.window;
  for (const char* key : {"sliding_window", "local_attention"})
    window = config.integer(key).value_or(window);
  if (config.is_null("sliding_window")) window = 0;
  if (family.windows == WindowRule::upper && !config.boolean("use_sliding_window").value_or(false))
    window = 0;
  const int w = checked("sliding_window", window, 0, kContext);
  if (w == 0) return windows;
  if (family.windows == WindowRule::all) return std::vector<int>(n_layer, w);
  if (auto types = config.texts("layer_types")) return windows_by_type(*types, w, n_layer);

  if (family.windows == WindowRule::upper) {
    const int first = checked("max_window_layers",
                              config.integer("max_window_layers").value_or(28), 0, INT32_MAX);
    for (int i = first; i < n_layer; ++i) windows[i] = w;
    return windows;
  }
  const int period = window_period(config, family);
  const int full = family.windows == WindowRule::after_first ? 0 : period - 1;
  for (int i = 0; i < n_layer; ++i)
    if (i % period != full) windows[i] = w;
  return windows;
}

std::vector<bool> read_no_rope(const HfConfig& config, const Family& family, const Hyper& h) {
  std::vector<bool> none;
  if (family.no_rope == NoRopeRule::none) return none;
  none.resize(h.n_layer);
  if (family.no_rope == NoRopeRule::global) {
    const bool any = std::any_of(h.window.begin(), h.window.end(), [](int w) { return w > 0; });
    for (int i = 0; i < h.n_layer; ++i) none[i] = any && h.window[i] == 0;
    return none;
  }
  const auto rotated = config.reals("no_rope_layers");   // 1 where there is one
  if (rotated && std::ssize(*rotated) < h.n_layer)
    fail(Code::data_loss, "no_rope_layers has {} elements for {} layers", rotated->size(),
         h.n_layer);
  const int interval =
      integer(config, {"no_rope_layer_interval"}, family.no_rope_interval, kLayers);
  for (int i = 0; i < h.n_layer; ++i)
    none[i] = rotated ? (*rotated)[i] == 0 : (i + 1) % interval == 0;
  return none;
}

float read_softcap(const HfConfig& config, std::string_view key, double absent) {
  if (config.is_null(key)) return 0;
  return static_cast<float>(real(config, key, absent, 0, 1e6));
}

void read_sizes(const HfConfig& config, const Family& family, Hyper& h) {
  h.n_layer = integer(config, kLayerCount, family.n_layer, kLayers);
  h.d_model = integer(config, kWidths, family.d_model, kWidth);
  const int64_t d_ff = family.d_ff_per_d_model > 0 ? int64_t{h.d_model} * family.d_ff_per_d_model
                                                   : family.d_ff;
  h.d_ff = integer(config, kFeedForward, d_ff, kWidth);
  h.n_head = integer(config, kHeadCount, family.n_head, kHeads);
  const bool kv_as_heads = family.n_head_kv == 0 || config.is_null("num_key_value_heads");
  h.n_head_kv = family.mha ? h.n_head
                           : integer(config, kHeadsKv, kv_as_heads ? h.n_head : family.n_head_kv,
                                     kHeads);
  const bool d_head_by_width = family.d_head == 0 || config.is_null("head_dim");
  h.d_head = integer(config, {"head_dim"}, d_head_by_width ? h.d_model / h.n_head : family.d_head,
                     kHeadDim);
  h.d_head_v = h.d_head;
  h.n_vocab = integer(config, {"vocab_size"}, family.n_vocab, kVocab);
  h.n_context = integer(config, kContexts, family.n_context, kContext);
}

// Granite's names and Cohere's.
void read_factors(const HfConfig& config, const Family& family, Hyper& h) {
  const auto factor = [&](std::string_view key, double absent) {
    return static_cast<float>(real(config, key, absent, -1e9, 1e9));
  };
  h.embed_scale *= factor("embedding_multiplier", 1);
  h.residual_scale = factor("residual_multiplier", 1);
  h.logit_scale = factor("logit_scale", family.logit_scale) /
                  static_cast<float>(real(config, "logits_scaling", 1, 1e-9, 1e9));
  h.attn_scale = factor("attention_multiplier", family.unit_attn_scale ? 1 : h.attn_scale);
  h.clip_qkv = static_cast<float>(real(config, "clip_qkv", 0, 0, 1e9));
}

}  // namespace

void read_conventions(const Family& family, Hyper& h) {
  h.embed_scale = family.scaled_embedding ? std::sqrt(static_cast<float>(h.d_model)) : 1;
  h.alibi_bias_max = static_cast<float>(family.alibi_bias_max);
  h.learned_positions = family.learned_positions;
  h.embedding_norm = family.embedding_norm;
  h.final_norm = family.final_norm;
  h.causal = !family.encoder;
}

Hyper read_hyper_hf(const HfConfig& config) {
  const std::string model_type = config.model_type();
  if (model_type.empty()) fail(Code::data_loss, "config.json: 'model_type' is missing");
  const Family* family = find_family_hf(model_type);
  if (!family)
    fail(Code::unimplemented, "config.json: unknown model_type '{}'; this build knows {}",
         printable(model_type), known_model_types());
  if (config.boolean("use_bidirectional_attention").value_or(false))
    fail(Code::unimplemented, "config.json: use_bidirectional_attention is not supported");

  Hyper h;
  h.arch = family->name;
  h.name = config.text("_name_or_path").value_or("");
  read_sizes(config, *family, h);
  h.norm = family->norm;
  h.norm_eps = static_cast<float>(real(config, kEpsilons, family->norm_eps, 0, 1));
  h.norm_offset = family->gain_minus_one_in_hf ? 1 : 0;
  h.act = read_act(config, family->act);
  read_conventions(*family, h);
  h.position_offset = family->position_offset_in_hf;
  h.qkv_by_group = family->qkv_by_group_in_hf;
  h.transposed = family->transposed_in_hf;
  h.parallel = config.boolean("use_parallel_residual").value_or(family->parallel);

  const RopeReader rope(config, *family, h);
  h.rope = rope.read("full_attention", {"rotary_emb_base", "global_rope_theta", "rope_theta"},
                     family->rope_theta, true);
  h.rope_local = h.rope;
  if (family->rope_theta_local != 0 || family->rope_local_unscaled)
    h.rope_local = rope.read(
        "sliding_attention", {"local_rope_theta", "rope_local_base_freq"},
        family->rope_theta_local != 0 ? family->rope_theta_local : h.rope.theta, false);
  // A stretched model is usable over the stretched length, which most files leave unsaid.
  if (h.rope.scaling == RopeScaling::yarn)
    h.n_context = static_cast<int>(std::clamp<double>(h.rope.original_context * h.rope.factor,
                                                      h.n_context, kContext));
  h.window = read_windows(config, *family, h.n_layer);
  h.no_rope = read_no_rope(config, *family, h);

  if (family->query_scalar != 0)
    h.attn_scale = static_cast<float>(
        1 / std::sqrt(real(config, "query_pre_attn_scalar", family->query_scalar, 1e-3, 1e9)));
  h.attn_softcap = read_softcap(config, "attn_logit_softcapping", family->attn_softcap);
  h.logit_softcap = read_softcap(config, "final_logit_softcapping", family->logit_softcap);
  read_factors(config, *family, h);
  read_experts_hf(config, *family, h);
  read_latent_hf(config, *family, h);
  if (family->adjust_hf) family->adjust_hf(config, h);
  return h;
}

}  // namespace strata::model
