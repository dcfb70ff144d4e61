// Speed of a model's steps, next to the machine's limits measured in the same run.
#pragma once
#include <vector>

#include "engine/measure/session.h"
#include "kernel/roofline.h"

namespace strata::engine {

struct BenchModelOptions {
  std::vector<int> prompt = {512};   // prefill lengths, tokens
  std::vector<int> depth = {0};      // positions in the cache before decoding
  int gen = 128;                     // decoded tokens a repetition
  int repetitions = 5;
};

struct PrefillResult {
  int tokens = 0;
  kernel::Rate tok_s;
  kernel::Rate roof_share;           // operations, attention's included, against the int8 peak
};
struct DecodeResult {
  int depth = 0;
  kernel::Rate tok_s, gb_s;
  double bytes_per_token = 0;        // weights and keys and values read
  kernel::Rate roof_share;           // of the read bandwidth measured before each repetition
};
struct BenchModelReport {
  kernel::Roofline roofline;
  std::vector<PrefillResult> prefill;
  std::vector<DecodeResult> decode;
};

BenchModelReport bench_model(Session& session, const BenchModelOptions& options);

}  // namespace strata::engine
