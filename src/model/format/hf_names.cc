#include "model/format/hf_names.h"

#include <fmt/format.h>

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
    {"tok_embeddings", "token_embd"},
    {"word_embeddings", "token_embd"},
    {"wte", "token_embd"},
    {"embed_in", "token_embd"},
    {"embeddings", "token_embd"},
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.tok_embeddings", "token_embd"},
    {"wpe", "position_embd"},
    {"embed_positions", "position_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"word_embeddings_layernorm", "token_embd_norm"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"embeddings.norm", "token_embd_norm"},
    {"emb_ln", "token_embd_norm"},
    {"norm", "output_norm"},
    {"ln_f", "output_norm"},
    {"norm_f", "output_norm"},
    {"embedding_norm", "token_embd_norm"},
    {"final_norm", "output_norm"},
    {"final_layernorm", "output_norm"},
    {"final_layer_norm", "output_norm"},
    {"lm_head", "output"},
    {"embed_out", "output"},
    {"output", "output"},
    // What follows an encoder's pooling.
    {"pooler.dense", "cls"},
    {"classifier.dense", "cls"},
    {"head.dense", "cls"},
    {"head.norm", "cls.norm"},
    {"classifier", "cls.output"},
    {"classifier.out_proj", "cls.output"},
    {"score", "cls.output"},
};

// Inside a layer -> "blk.N.".
constexpr Row kLayer[] = {
    // norms
    {"input_layernorm", "attn_norm"},
    {"attention_norm", "attn_norm"},
    {"attn_norm", "attn_norm"},
    {"self_attn_layer_norm", "attn_norm"},
    {"ln_1", "attn_norm"},
    {"norm_1", "attn_norm"},
    {"ln_mlp", "attn_norm"},
    {"ln_attn", "attn_norm_2"},
    {"post_attention_layernorm", "ffn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"final_layer_norm", "ffn_norm"},
    {"ffn_norm", "ffn_norm"},
    {"mlp_norm", "ffn_norm"},
    {"ln_2", "ffn_norm"},
    {"norm_2", "ffn_norm"},
    {"post_self_attn_layernorm", "post_attention_norm"},
    {"post_mlp_layernorm", "post_ffw_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"attention.output.LayerNorm", "attn_output_norm"},
    {"norm1", "attn_output_norm"},
    {"output.LayerNorm", "layer_output_norm"},
    {"norm2", "layer_output_norm"},
    // attention
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.out_proj", "attn_output"},
    {"self_attn.dense", "attn_output"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.W_pack", "attn_qkv"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.q_layernorm", "attn_q_norm"},
    {"self_attn.k_layernorm", "attn_k_norm"},
    {"self_attn.query_layernorm", "attn_q_norm"},
    {"self_attn.key_layernorm", "attn_k_norm"},
    {"attn.q_proj", "attn_q"},
    {"attn.k_proj", "attn_k"},
    {"attn.v_proj", "attn_v"},
    {"attn.out_proj", "attn_output"},
    {"attn.c_attn", "attn_qkv"},
    {"attn.c_proj", "attn_output"},
    {"attn.Wqkv", "attn_qkv"},
    {"attn.Wo", "attn_output"},
    {"attention.query_key_value", "attn_qkv"},
    {"attention.dense", "attn_output"},
    {"attention.wqkv", "attn_qkv"},
    {"attention.wo", "attn_output"},
    {"attention.self.query", "attn_q"},
    {"attention.self.key", "attn_k"},
    {"attention.self.value", "attn_v"},
    {"attention.output.dense", "attn_output"},
    {"self_attention.query", "attn_q"},
    {"self_attention.key_value", "attn_kv"},
    {"self_attention.query_key_value", "attn_qkv"},
    {"self_attention.dense", "attn_output"},
    // MLP
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.fc1", "ffn_up"},
    {"mlp.fc2", "ffn_down"},
    {"mlp.fc11", "ffn_up"},
    {"mlp.fc12", "ffn_gate"},
    {"mlp.fc_in", "ffn_up"},
    {"mlp.fc_out", "ffn_down"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"mlp.Wi", "ffn_up"},
    {"mlp.Wo", "ffn_down"},
    {"mlp.dense_h_to_4h", "ffn_up"},
    {"mlp.dense_4h_to_h", "ffn_down"},
    {"ffn.up_proj", "ffn_up"},
    {"ffn.down_proj", "ffn_down"},
    {"fc1", "ffn_up"},
    {"fc2", "ffn_down"},
    {"intermediate.dense", "ffn_up"},
    {"output.dense", "ffn_down"},
    {"feed_forward.w1", "ffn_gate"},
    {"feed_forward.w2", "ffn_down"},
    {"feed_forward.w3", "ffn_up"},
    // Latent attention.
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
    // Routers and shared experts; "mlp." stands for "block_sparse_moe." too.
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.gate.wg", "ffn_gate_inp"},
    {"mlp.router", "ffn_gate_inp"},
    {"mlp.router.layer", "ffn_gate_inp"},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
    {"mlp.shared_mlp.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_mlp.up_proj", "ffn_up_shexp"},
    {"mlp.shared_mlp.down_proj", "ffn_down_shexp"},
    {"mlp.input_linear", "ffn_gate_up_exps"},
    {"mlp.output_linear", "ffn_down_exps"},
    // Heads that predict further tokens.
    {"enorm", "nextn.enorm"},
    {"hnorm", "nextn.hnorm"},
    {"eh_proj", "nextn.eh_proj"},
    {"embed_tokens", "nextn.embed_tokens"},
    {"shared_head.norm", "nextn.shared_head_norm"},
    {"shared_head.head", "nextn.shared_head_head"},
};

// The same for names that end in neither ".weight" nor ".bias".
constexpr Row kLayerWhole[] = {
    {"self_attn.sinks", "attn_sinks.weight"},
    {"mlp.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.moe_statics.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.gate.moe_statics.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {"mlp.experts.gate_proj", "ffn_gate_exps.weight"},
    {"mlp.experts.up_proj", "ffn_up_exps.weight"},
    {"mlp.experts.down_proj", "ffn_down_exps.weight"},
    {"mlp.experts.gate_up_proj_bias", "ffn_gate_up_exps.bias"},
    {"mlp.experts.gate_proj_bias", "ffn_gate_exps.bias"},
    {"mlp.experts.up_proj_bias", "ffn_up_exps.bias"},
    {"mlp.experts.down_proj_bias", "ffn_down_exps.bias"},
};

// A matrix of one expert: "mlp.experts.N." and this -> "NAME.N".
constexpr Row kExpert[] = {
    {"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"}, {"down_proj", "ffn_down"},
    {"w1", "ffn_gate"},        {"w3", "ffn_up"},      {"w2", "ffn_down"},
};

// What stands before a name: the language part of multi-modal models lies under "language_model."
// or "model.language_model."; a checkpoint saved without its head lacks "model.".
constexpr std::string_view kPrefixes[] = {"language_model.", "model.",   "transformer.",
                                          "gpt_neox.",       "decoder.", "encoder.",
                                          "bert.",           "roberta.", "new.",
                                          "backbone."};
constexpr std::string_view kLayers[] = {"layers.", "layer.", "h.", "blocks."};

template <size_t N>
std::string_view look_up(const Row (&rows)[N], std::string_view hf) {
  for (const Row& row : rows)
    if (row.hf == hf) return row.ours;
  return {};
}

// StableLM has a norm for every head: "self_attn.q_layernorm.norms.3" -> "attn_q_norm.3".
std::string head_norm(std::string_view hf) {
  constexpr std::string_view kMiddle = ".norms.";
  const size_t at = hf.find(kMiddle);
  if (at == hf.npos) return {};
  const std::string_view found = look_up(kLayer, hf.substr(0, at));
  if (found.empty()) return "";
  return std::string(found) + "." + std::string(hf.substr(at + kMiddle.size()));
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

/// Takes "123." off the front; the digits, or nothing if they are not a canonical number.
std::string_view take_number(std::string_view& text) {
  constexpr size_t kDigitsMax = 5;
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const bool canonical = digits > 0 && digits <= kDigitsMax && (digits == 1 || text[0] != '0');
  if (!canonical || digits == text.size() || text[digits] != '.') return {};
  const std::string_view number = text.substr(0, digits);
  text.remove_prefix(digits + 1);
  return number;
}

/// What of `name` is not its ".weight" or ".bias"; nothing if it has neither.
std::string_view stem(std::string_view name) {
  for (std::string_view suffix : {".weight", ".bias"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  return {};
}

/// Our name of a tensor inside a layer; empty if unknown.
std::string layer_tensor(std::string_view name, std::string_view family) {
  std::string moe;
  if (drop_prefix(name, "block_sparse_moe.")) name = moe = "mlp." + std::string(name);
  if (const std::string_view whole = look_up(kLayerWhole, name); !whole.empty())
    return std::string(whole);
  const std::string_view before = stem(name);
  const std::string_view suffix = name.substr(before.size());
  // Parameters outside modules (A_log, dt_bias) have neither suffix.
  if (before.empty()) return std::string(look_up_layer(name, family));
  std::string_view rest = before;
  if (drop_prefix(rest, "mlp.experts.")) {
    const std::string_view number = take_number(rest);
    const std::string_view matrix = look_up(kExpert, rest);
    if (number.empty() || matrix.empty()) return {};
    return std::string(matrix).append(".").append(number).append(suffix);
  }
  std::string found(look_up_layer(before, family));
  if (found.empty()) found = head_norm(before);
  return found.empty() ? found : found.append(suffix);
}

}  // namespace

std::string hf_tensor_name(std::string_view file_name, std::string_view family) {
  std::string_view name = file_name;
  for (bool again = true; again;) {
    again = false;
    for (std::string_view prefix : kPrefixes) again |= drop_prefix(name, prefix);
  }

  const bool layer = std::any_of(std::begin(kLayers), std::end(kLayers),
                                 [&](std::string_view l) { return drop_prefix(name, l); });
  if (layer) {
    const std::string_view number = take_number(name);
    const std::string ours = number.empty() ? std::string() : layer_tensor(name, family);
    if (ours.empty()) return std::string(file_name);
    return std::string("blk.").append(number).append(".").append(ours);
  }
  const std::string_view before = stem(name);
  const std::string_view found = look_up(kWhole, before);
  if (found.empty()) return std::string(file_name);
  return std::string(found).append(name.substr(before.size()));
}

namespace {

/// The first name of these rows that leads back to `ours`.
template <class Rows, class Make>
std::string first_that_leads_to(std::string_view ours, std::string_view family, const Rows& rows,
                                Make&& make) {
  for (const auto& row : rows) {
    const auto& [hf, name] = row;
    std::string candidate = make(hf);
    if (hf_tensor_name(candidate, family) == ours) return candidate;
  }
  return {};
}

}  // namespace

std::string hf_file_name(std::string_view ours, std::string_view family) {
  const size_t dot = ours.rfind('.');
  if (dot == ours.npos) return {};
  const std::string_view suffix = ours.substr(dot);
  std::string_view name = ours.substr(0, dot);
  if (!drop_prefix(name, "blk.")) {
    return first_that_leads_to(ours, family, kWhole, [&](std::string_view hf) {
      return fmt::format("{}{}{}", name == "output" ? "" : "model.", hf, suffix);
    });
  }
  const std::string_view number = name.substr(0, name.find('.'));
  const auto make = [&](std::string_view hf) {
    return fmt::format("model.layers.{}.{}{}", number, hf, suffix);
  };
  const Family* f = find_family(family);
  std::string found = f ? first_that_leads_to(ours, family, f->hf_tensors, make) : std::string();
  return found.empty() ? first_that_leads_to(ours, family, kLayer, make) : found;
}

}  // namespace strata::model
