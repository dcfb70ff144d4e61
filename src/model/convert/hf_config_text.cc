#include <nlohmann/json.hpp>

#include <cmath>

#include "base/error.h"
#include "model/convert/gguf_form.h"
#include "model/convert/hf_form.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using nlohmann::json;

const char* act_name(kernel::Act act) {
  switch (act) {
    case kernel::Act::gelu_tanh: return "gelu_pytorch_tanh";
    case kernel::Act::gelu: return "gelu";
    case kernel::Act::relu: return "relu";
    default: return "silu";
  }
}

json rope_scaling(const Rope& r) {
  json s = {{"factor", r.factor}};
  if (r.scaling == RopeScaling::linear) {
    s["rope_type"] = "linear";
  } else {
    s["rope_type"] = "yarn";
    s["original_max_position_embeddings"] = r.original_context;
    s["beta_fast"] = r.beta_fast;
    s["beta_slow"] = r.beta_slow;
    s["truncate"] = r.truncate;
    if (r.attn_factor != 0) s["attention_factor"] = r.attn_factor;
  }
  return s;
}

}  // namespace

std::string hf_config_text(const Hyper& h, bool tied) {
  const Family* family = find_family(h.arch);
  if (!family || family->hf.empty())
    fail(Code::unimplemented, "architecture '{}' has no Hugging Face form here", h.arch);
  json c = {{"model_type", family->hf.front()},
            {"hidden_size", h.d_model},
            {"intermediate_size", h.d_ff},
            {"num_hidden_layers", h.n_layer},
            {"num_attention_heads", h.n_head},
            {"num_key_value_heads", h.n_head_kv},
            {"head_dim", h.d_head},
            {"vocab_size", h.n_vocab},
            {"max_position_embeddings", h.n_context},
            {"rms_norm_eps", h.norm_eps},
            {"hidden_act", act_name(h.act)},
            {"hidden_activation", act_name(h.act)},
            {"rope_theta", h.rope.theta},
            {"tie_word_embeddings", tied}};
  if (h.rope.scaling != RopeScaling::none) c["rope_scaling"] = rope_scaling(h.rope);
  if (h.rope_local.d > 0 && h.rope_local.theta != h.rope.theta)
    c["rope_local_base_freq"] = h.rope_local.theta;
  if (family->query_scalar != 0) c["query_pre_attn_scalar"] = 1.0 / (h.scale() * h.scale());
  c["attn_logit_softcapping"] = h.attn_softcap > 0 ? json(h.attn_softcap) : json();
  c["final_logit_softcapping"] = h.logit_softcap > 0 ? json(h.logit_softcap) : json();
  for (int w : h.window) {
    if (w == 0) continue;
    c["sliding_window"] = w;
    c["use_sliding_window"] = true;
    c["layer_types"] = json::array();
    for (int x : h.window)
      c["layer_types"].push_back(x > 0 ? "sliding_attention" : "full_attention");
    break;
  }
  std::string text = c.dump(1);
  if (const std::string setting = difference(read_hyper_hf(HfConfig(text, "config.json")), h);
      !setting.empty())
    fail(Code::unimplemented, "config.json has no key for the {} of this {} model", setting,
         h.arch);
  return text + "\n";
}

}  // namespace strata::model
