// Speed of a model's steps, next to the machine's limits measured in the same run.
#pragma once
#include <vector>

#include "engine/measure/session.h"
#include "kernel/roofline.h"

namespace strata::engine {

struct BenchModelOptions {
  std::vector<int> prompt = {512};   // prefill lengths, tokens
  std::vector<int> depth = {0};      // positions in the cache before decoding
  std::vector<int> batch = {1};      // sequences that decode together
  int gen = 128;                     // decoded tokens a repetition
  int repetitions = 5;
};

struct PrefillResult {
  int tokens = 0;
  kernel::Rate tok_s;
  kernel::Rate roof_share;           // operations, attention's included, against the int8 peak
};
struct DecodeResult {
  int depth = 0, batch = 1;
  kernel::Rate tok_s, gb_s;          // of all sequences together
  double bytes_per_step = 0;         // weights, and keys and values of every sequence, read once
  double operations_per_step = 0;
  kernel::Rate roof_share;           // of the lower of two roofs: the read bandwidth, measured
                                     // before each repetition, and the int8 peak
};
struct BenchModelReport {
  kernel::Roofline roofline;
  std::vector<PrefillResult> prefill;
  std::vector<DecodeResult> decode;
};

/// The session has KV memory for the longest prompt and for the largest batch at the largest depth.
/// Errors: resource_exhausted if it has not.
BenchModelReport bench_model(Session& session, const BenchModelOptions& options);

}  // namespace strata::engine
