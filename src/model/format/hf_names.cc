#include "model/format/hf_names.h"

#include <algorithm>

#include "model/family.h"

namespace strata::model {
namespace {

struct Row {
  std::string_view hf, ours;
};

// Outside the layers; ".weight" and ".bias" stay.
constexpr Row kWhole[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
};

// Inside "layers.N." -> "blk.N.".
constexpr Row kLayer[] = {
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

template <size_t N>
std::string_view look_up(const Row (&rows)[N], std::string_view hf) {
  for (const Row& row : rows)
    if (row.hf == hf) return row.ours;
  return {};
}

std::string_view look_up_layer(std::string_view hf, std::string_view family) {
  if (const Family* f = find_family(family)) {
    for (const auto& [theirs, ours] : f->hf_tensors)
      if (theirs == hf) return ours;
  }
  return look_up(kLayer, hf);
}

bool drop_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string hf_tensor_name(std::string_view file_name, std::string_view family) {
  std::string_view name = file_name;
  // The language part of multi-modal models lies under "language_model." or
  // "model.language_model."; a checkpoint saved without its head lacks "model.".
  drop_prefix(name, "language_model.");
  drop_prefix(name, "model.");
  drop_prefix(name, "language_model.");

  const size_t dot = name.rfind('.');
  if (dot == name.npos) return std::string(file_name);
  const std::string_view suffix = name.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return std::string(file_name);
  name = name.substr(0, dot);

  std::string ours;
  if (drop_prefix(name, "layers.")) {
    constexpr size_t kDigitsMax = 5;
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    const bool canonical = digits > 0 && digits <= kDigitsMax && (digits == 1 || name[0] != '0');
    if (!canonical || digits == name.size() || name[digits] != '.') return std::string(file_name);
    const std::string_view found = look_up_layer(name.substr(digits + 1), family);
    if (found.empty()) return std::string(file_name);
    ours.append("blk.").append(name.substr(0, digits)).append(".").append(found);
  } else {
    const std::string_view found = look_up(kWhole, name);
    if (found.empty()) return std::string(file_name);
    ours = found;
  }
  return ours.append(suffix);
}

}  // namespace strata::model
