// The parts of read_hyper: one reader a format, one check for both.
#pragma once
#include <string_view>

#include "model/family.h"
#include "model/hyper.h"

namespace strata::model {

class HfConfig;
class Metadata;

/// Settings of GGUF's rotary embeddings that come as tensors: rope_freqs.weight,
/// rope_factors_short.weight, rope_factors_long.weight; empty where there is none.
struct RopeFactors {
  std::vector<float> divisors = {}, short_factors = {}, long_factors = {};
};

/// `n_vocab_rows`: rows of the embedding, 0 if unknown.
Hyper read_hyper_gguf(const Metadata& metadata, int64_t n_vocab_rows, const RopeFactors& rope);
Hyper read_hyper_hf(const HfConfig& config);

/// What a family's models have whatever their files say.
void read_conventions(const Family& family, Hyper& hyper);

// Experts and latent attention (hyper_experts.cc); the rest was read before.
void read_experts_hf(const HfConfig& config, const Family& family, Hyper& hyper);
void read_latent_hf(const HfConfig& config, const Family& family, Hyper& hyper);
/// Takes the layers that predict further tokens off n_layer: before what is read layer by layer.
void read_experts_gguf(const Metadata& metadata, const Family& family, Hyper& hyper);
void read_latent_gguf(const Metadata& metadata, const Family& family, Hyper& hyper);
void check_experts(const Hyper& hyper);

/// Narrows to int. Errors: data_loss naming `key` unless min <= value <= max.
int checked(std::string_view key, int64_t value, int64_t min, int64_t max);
/// Errors: data_loss naming `key` unless min <= value <= max (which NaN is not).
double checked(std::string_view key, double value, double min, double max);

/// What the keys must be in relation to each other. Errors: data_loss.
void check_hyper(const Hyper& hyper);

}  // namespace strata::model
