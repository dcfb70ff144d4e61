#include "model/format/hf_names.h"

#include <gtest/gtest.h>

namespace strata::model {
namespace {

TEST(HfNames, FollowTheTable) {
  struct Case {
    const char *hf, *family, *ours;
  } cases[] = {
      {"model.embed_tokens.weight", "llama", "token_embd.weight"},
      {"model.norm.weight", "llama", "output_norm.weight"},
      {"lm_head.weight", "llama", "output.weight"},
      {"model.layers.0.self_attn.q_proj.weight", "qwen2", "blk.0.attn_q.weight"},
      {"model.layers.0.self_attn.q_proj.bias", "qwen2", "blk.0.attn_q.bias"},
      {"model.layers.31.self_attn.o_proj.weight", "llama", "blk.31.attn_output.weight"},
      {"model.layers.7.self_attn.k_norm.weight", "qwen3", "blk.7.attn_k_norm.weight"},
      {"model.layers.7.mlp.down_proj.weight", "llama", "blk.7.ffn_down.weight"},
      {"model.layers.7.post_attention_layernorm.weight", "llama", "blk.7.ffn_norm.weight"},
      {"model.layers.7.post_attention_layernorm.weight", "gemma2",
       "blk.7.post_attention_norm.weight"},
      {"model.layers.7.post_attention_layernorm.weight", "gemma3",
       "blk.7.post_attention_norm.weight"},
      {"model.layers.7.pre_feedforward_layernorm.weight", "gemma3", "blk.7.ffn_norm.weight"},
      {"model.layers.7.post_feedforward_layernorm.weight", "gemma2", "blk.7.post_ffw_norm.weight"},
      // Experts, apart and stacked, by several publishers.
      {"model.layers.3.mlp.gate.weight", "qwen3moe", "blk.3.ffn_gate_inp.weight"},
      {"model.layers.3.block_sparse_moe.gate.weight", "mixtral", "blk.3.ffn_gate_inp.weight"},
      {"model.layers.3.mlp.gate.wg.weight", "hunyuan-moe", "blk.3.ffn_gate_inp.weight"},
      {"model.layers.3.mlp.experts.17.up_proj.weight", "qwen3moe", "blk.3.ffn_up.17.weight"},
      {"model.layers.3.block_sparse_moe.experts.0.w2.weight", "mixtral", "blk.3.ffn_down.0.weight"},
      {"model.layers.3.block_sparse_moe.input_linear.weight", "granitemoe",
       "blk.3.ffn_gate_up_exps.weight"},
      {"model.layers.3.mlp.experts.gate_up_proj", "gpt-oss", "blk.3.ffn_gate_up_exps.weight"},
      {"model.layers.3.mlp.experts.down_proj_bias", "gpt-oss", "blk.3.ffn_down_exps.bias"},
      {"model.layers.3.mlp.gate.e_score_correction_bias", "deepseek3", "blk.3.exp_probs_b.bias"},
      {"model.layers.3.self_attn.sinks", "gpt-oss", "blk.3.attn_sinks.weight"},
      {"model.layers.61.shared_head.head.weight", "deepseek3",
       "blk.61.nextn.shared_head_head.weight"},
      // Multi-modal models, old and new; a checkpoint saved without its head.
      {"language_model.model.embed_tokens.weight", "gemma3", "token_embd.weight"},
      {"model.language_model.layers.2.mlp.up_proj.weight", "gemma3", "blk.2.ffn_up.weight"},
      {"layers.2.mlp.up_proj.weight", "qwen3", "blk.2.ffn_up.weight"},
      // Other words for the layers, and fused projections.
      {"transformer.h.3.attn.c_attn.weight", "gpt2", "blk.3.attn_qkv.weight"},
      {"h.3.mlp.c_proj.bias", "gpt2", "blk.3.ffn_down.bias"},
      {"transformer.blocks.1.norm_2.weight", "mpt", "blk.1.ffn_norm.weight"},
      {"gpt_neox.layers.4.attention.query_key_value.bias", "gptneox", "blk.4.attn_qkv.bias"},
      {"model.decoder.layers.5.final_layer_norm.weight", "opt", "blk.5.ffn_norm.weight"},
      {"model.decoder.final_layer_norm.weight", "opt", "output_norm.weight"},
      {"bert.encoder.layer.0.attention.output.LayerNorm.bias", "bert",
       "blk.0.attn_output_norm.bias"},
      {"bert.embeddings.token_type_embeddings.weight", "bert", "token_types.weight"},
      {"roberta.encoder.layer.0.output.dense.weight", "xlm-roberta", "blk.0.ffn_down.weight"},
      {"classifier.out_proj.weight", "xlm-roberta", "cls.output.weight"},
      {"model.layers.6.self_attn.q_layernorm.norms.11.weight", "stablelm",
       "blk.6.attn_q_norm.11.weight"},
  };
  for (const Case& c : cases) EXPECT_EQ(hf_tensor_name(c.hf, c.family), c.ours) << c.hf;
}

TEST(HfNames, UnknownOnesStay) {
  for (const char* name :
       {"", ".", ".weight", "weight", "model.layers.weight", "model.layers.0.weight",
        "model.layers.01.mlp.up_proj.weight", "model.layers.123456.mlp.up_proj.weight",
        "model.layers.x.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight_scale",
        "model.layers.0.self_attn.rotary_emb.inv_freq", "vision_tower.embeddings.weight",
        "model.layers.0.mlp.experts.x.up_proj.weight", "model.layers.0.mlp.experts.0.other.weight",
        "model.layers.0.mlp.experts.up_proj_scale"})
    EXPECT_EQ(hf_tensor_name(name, "llama"), name);
}

}  // namespace
}  // namespace strata::model
