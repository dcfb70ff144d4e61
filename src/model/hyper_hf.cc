#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using namespace hyper_max;

int integer(const HfConfig& config, std::string_view key, int64_t absent, int64_t max) {
  return checked(key, config.integer(key).value_or(absent), 1, max);
}

double real(const HfConfig& config, std::string_view key, double absent, double min, double max) {
  return checked(key, config.real(key).value_or(absent), min, max);
}

kernel::Act read_act(const HfConfig& config, kernel::Act absent) {
  auto name = config.text("hidden_activation");
  // Gemma 1's first files named the wrong function under hidden_act; hidden_activation corrects it.
  if (!name) name = config.text("hidden_act");
  if (!name) return absent;
  if (*name == "silu" || *name == "swish") return kernel::Act::silu;
  if (*name == "gelu_pytorch_tanh" || *name == "gelu_new") return kernel::Act::gelu_tanh;
  if (*name == "gelu") return kernel::Act::gelu;
  if (*name == "relu") return kernel::Act::relu;
  fail(Code::unimplemented,
       "hidden_act '{}' is unknown; this build knows silu, gelu, gelu_pytorch_tanh and relu",
       printable(*name));
}

/// Rotary settings of one kind of layer, in the new spelling (rope_parameters, nested by layer type
/// or not) or the old one (rope_scaling, rope_theta beside it).
class RopeReader {
 public:
  RopeReader(const HfConfig& config, const Hyper& hyper) : config_(config), h_(hyper) {}

  /// `scaled`: rope_scaling applies to these layers.
  Rope read(const char* layer_type, const char* theta_key, double theta_default,
            bool scaled) const {
    const std::optional<HfConfig> parameters = find(layer_type, scaled);
    Rope rope;
    rope.theta = theta_default;
    if (auto theta = config_.real(theta_key)) rope.theta = *theta;
    if (parameters)
      if (auto theta = parameters->real("rope_theta")) rope.theta = *theta;
    checked("rope_theta", rope.theta, 1.0001, 1e15);
    double partial = config_.real("partial_rotary_factor").value_or(1);
    if (parameters) partial = parameters->real("partial_rotary_factor").value_or(partial);
    rope.d = static_cast<int>(h_.d_head * checked("partial_rotary_factor", partial, 0.0, 1.0));
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
    // Dynamic NTK scaling is the identity within the trained context, which is where we stay.
    if (type == "default" || type == "dynamic") return;

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
           "rope_type '{}' is unknown; this build knows default, linear, dynamic, yarn and llama3",
           printable(type));
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

std::vector<int> read_windows(const HfConfig& config, const Family& family, int n_layer) {
  std::vector<int> windows(n_layer, 0);
  if (family.windows == WindowRule::none) return windows;
  int64_t window = config.integer("sliding_window").value_or(family.window);
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
  auto pattern = config.integer("sliding_window_pattern");
  if (!pattern) pattern = config.integer("_sliding_window_pattern");
  const int period =
      checked("sliding_window_pattern", pattern.value_or(family.window_pattern), 1, INT32_MAX);
  for (int i = 0; i < n_layer; ++i)
    if ((i + 1) % period != 0) windows[i] = w;
  return windows;
}

float read_softcap(const HfConfig& config, std::string_view key, double absent) {
  if (config.is_null(key)) return 0;
  return static_cast<float>(real(config, key, absent, 0, 1e6));
}

}  // namespace

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
  h.n_layer = integer(config, "num_hidden_layers", family->n_layer, kLayers);
  h.d_model = integer(config, "hidden_size", family->d_model, kWidth);
  h.d_ff = integer(config, "intermediate_size", family->d_ff, kWidth);
  h.n_head = integer(config, "num_attention_heads", family->n_head, kHeads);
  const bool kv_as_heads = family->n_head_kv == 0 || config.is_null("num_key_value_heads");
  h.n_head_kv = integer(config, "num_key_value_heads",
                        kv_as_heads ? h.n_head : family->n_head_kv, kHeads);
  const bool d_head_by_width = family->d_head == 0 || config.is_null("head_dim");
  h.d_head = integer(config, "head_dim", d_head_by_width ? h.d_model / h.n_head : family->d_head,
                     kHeadDim);
  h.d_head_v = h.d_head;
  h.n_vocab = integer(config, "vocab_size", family->n_vocab, kVocab);
  h.n_context = integer(config, "max_position_embeddings", family->n_context, kContext);
  h.norm_eps = static_cast<float>(real(config, "rms_norm_eps", family->norm_eps, 0, 1));
  h.norm_offset = family->gain_minus_one_in_hf ? 1 : 0;
  h.act = read_act(config, family->act);
  h.embed_scale = family->scaled_embedding ? std::sqrt(static_cast<float>(h.d_model)) : 1;

  const RopeReader rope(config, h);
  h.rope = rope.read("full_attention", "rope_theta", family->rope_theta, true);
  h.rope_local = family->rope_theta_local == 0
                     ? h.rope
                     : rope.read("sliding_attention", "rope_local_base_freq",
                                 family->rope_theta_local, false);
  // A stretched model is usable over the stretched length, which most files leave unsaid.
  if (h.rope.scaling == RopeScaling::yarn)
    h.n_context = static_cast<int>(std::clamp<double>(h.rope.original_context * h.rope.factor,
                                                      h.n_context, kContext));
  h.window = read_windows(config, *family, h.n_layer);

  if (family->query_scalar != 0)
    h.attn_scale = static_cast<float>(
        1 / std::sqrt(real(config, "query_pre_attn_scalar", family->query_scalar, 1e-3, 1e9)));
  h.attn_softcap = read_softcap(config, "attn_logit_softcapping", family->attn_softcap);
  h.logit_softcap = read_softcap(config, "final_logit_softcapping", family->logit_softcap);
  return h;
}

}  // namespace strata::model
