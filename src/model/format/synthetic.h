// Synthetic models: files of a real model's size with random weights, to measure speed with.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/type.h"

namespace strata::model {

/// The shape of a Llama-like model.
struct SyntheticShape {
  std::string_view name;
  int n_layer, d_model, d_ff, n_head, n_head_kv, n_vocab, n_context;
  double rope_theta;
};

/// "llama3-8b", "llama3-1b", "tiny". Null if unknown.
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

/// Writes a GGUF 3 file of architecture "llama" that other programs can load too. Weights have
/// scales at which activations and logits stay finite; the same options give the same file. Errors:
/// invalid_argument for a type without a quantiser or a shape that its blocks do not divide; those
/// of GgufWriter and open_store. Cost: a few MB of memory; as fast as the disk takes it.
void write_synthetic(const std::string& path, const SyntheticOptions& options);

}  // namespace strata::model
