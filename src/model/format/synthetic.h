// Synthetic models: files of a real model's size with random weights, to measure speed with.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/type.h"

namespace strata::model {

/// The shape of a Llama-like model or, with experts, of a DeepSeek-V3-like one: a first dense
/// layer, latent attention, one shared expert.
struct SyntheticShape {
  std::string_view name;
  int n_layer = 0, d_model = 0, d_ff = 0, n_head = 0, n_head_kv = 0, n_vocab = 0, n_context = 0;
  double rope_theta = 10000;
  int n_expert = 0, n_expert_used = 0, n_group = 1, n_group_used = 1, d_expert = 0;
  int q_rank = 0, kv_rank = 0, d_nope = 0, d_rope = 0, d_v = 0;
  std::string_view arch() const { return n_expert > 0 ? "deepseek2" : "llama"; }
};

/// One of synthetic_shape_names(). Null if unknown.
const SyntheticShape* find_synthetic_shape(std::string_view name);
std::string synthetic_shape_names();

struct SyntheticOptions {
  const SyntheticShape* shape = nullptr;
  int n_layer = 0;                               // 0: the shape's
  kernel::Type type = kernel::Type::q4_0;        // of all matrices but the head
  kernel::Type head_type = kernel::Type::q6_k;   // of output.weight
  std::string tokenizer_from = {};               // GGUF file with the vocabulary; empty: 256 bytes
  uint64_t seed = 1;
};

/// Writes a GGUF 3 file of architecture SyntheticShape::arch that other programs can load too.
/// Weights have scales at which activations and logits stay finite; the same options give the same
/// file. Errors: invalid_argument for a type without a quantiser or a shape that its blocks do not
/// divide; those of GgufWriter and open_store. Cost: a few MB of memory; as fast as the disk takes
/// it.
void write_synthetic(const std::string& path, const SyntheticOptions& options);

}  // namespace strata::model
