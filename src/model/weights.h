// The weights of a model as its architecture asks for them, however the file keeps them: fused
// projections are taken apart, transposed matrices turned. Nothing is copied: parts that lie
// together are views, the others make their rows when they are packed.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "model/hyper.h"
#include "model/store.h"

namespace strata::model {

/// What is taken apart, in every layer:
///   attn_qkv -> attn_q, attn_k, attn_v   one after the other or by group (Hyper::qkv_by_group)
///   attn_kv  -> attn_k, attn_v           by group
///   attn_q_norm.0 ... -> attn_q_norm     a gain for every head, put together; the same for k
///   ffn_up   -> ffn_gate, ffn_up         if it has 2 d_ff rows and there is no ffn_gate
///   ffn_gate_up_exps -> ffn_gate_exps, ffn_up_exps   if alternating (Hyper::turned_experts), and
///                       turned as ffn_down_exps is
/// and in layers that keep a state
///   ssm_in -> ssm_in_x, ssm_in_z                  Mamba
///   ssm_x -> ssm_x_dt, ssm_x_b, ssm_x_c           Mamba
///   ssm_in -> ssm_in_z, ssm_in_xbc, ssm_in_dt     Mamba-2
///   ssm_in -> attn_qkv, attn_gate                 delta net, by key head
///   ssm_ba -> ssm_beta, ssm_alpha                 delta net, by key head
///   attn_q -> attn_q, attn_gate                   attention layers of such models, by head
///   shortconv.in_proj -> shortconv.b, .c, .x
/// A head whose rows are to have length 1 (Hyper::normalised_head) is made so.
class Weights : public graph::WeightSource {
 public:
  /// `store` outlives this. Errors: data_loss naming a fused tensor of another shape than the
  /// hyper-parameters say; unimplemented for a transposed quantised one.
  Weights(const Store& store, const Hyper& hyper);

  const graph::StoredTensor* find(std::string_view name) const override;
  void release(const graph::StoredTensor& tensor) const override;

 private:
  using Tensor = graph::StoredTensor;

  void transpose();
  void split(const std::string& fused, const std::string& suffix,
             std::initializer_list<std::pair<std::string_view, int64_t>> parts, int64_t groups);
  void stack(const std::string& name, const std::string& suffix, int n);
  void turn_experts(const std::string& layer);
  void split_state(const Hyper& hyper, int index, const std::string& suffix);
  void split_delta_net(const Hyper& hyper, const std::string& layer, const std::string& suffix);
  void normalise_head();
  const Tensor& add(Tensor tensor);

  const Store& store_;
  std::map<std::string, Tensor, std::less<>> made_;
};

}  // namespace strata::model
