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
    {"tok_embeddings", "token_embd"},
    {"word_embeddings", "token_embd"},
    {"wte", "token_embd"},
    {"embed_in", "token_embd"},
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
};

// What stands before a name: the language part of multi-modal models lies under "language_model."
// or "model.language_model."; a checkpoint saved without its head lacks "model.".
constexpr std::string_view kPrefixes[] = {"language_model.", "model.",   "transformer.",
                                          "gpt_neox.",       "decoder.", "encoder.",
                                          "bert.",           "roberta.", "new."};
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
  return found.empty() ? "" : std::string(found) + "." + std::string(hf.substr(at + kMiddle.size()));
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
  for (bool again = true; again;) {
    again = false;
    for (std::string_view prefix : kPrefixes) again |= drop_prefix(name, prefix);
  }

  const size_t dot = name.rfind('.');
  if (dot == name.npos) return std::string(file_name);
  const std::string_view suffix = name.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return std::string(file_name);
  name = name.substr(0, dot);

  std::string ours;
  const bool layer = std::any_of(std::begin(kLayers), std::end(kLayers),
                                 [&](std::string_view l) { return drop_prefix(name, l); });
  if (layer) {
    constexpr size_t kDigitsMax = 5;
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    const bool canonical = digits > 0 && digits <= kDigitsMax && (digits == 1 || name[0] != '0');
    if (!canonical || digits == name.size() || name[digits] != '.') return std::string(file_name);
    const std::string_view rest = name.substr(digits + 1);
    std::string found(look_up_layer(rest, family));
    if (found.empty()) found = head_norm(rest);
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
