// What the machine can do at most: read bandwidth and arithmetic peaks, measured.
#pragma once
#include <vector>

#include "base/threads.h"

namespace strata::kernel {

/// Rates over several repetitions, ascending.
struct Rate {
  std::vector<double> samples;
  double min() const { return samples.front(); }
  double median() const { return samples[samples.size() / 2]; }
  double max() const { return samples.back(); }
};

struct Roofline {
  int threads = 0;
  Rate read_gb_s;       // one ascending stream a thread over a buffer larger than every cache
  Rate int8_gop_s;      // 8-bit dot products, 2 operations a multiply-add
  Rate bf16_gflop_s;    // bf16 dot products into f32
  Rate f32_gflop_s;     // f32 fused multiply-adds
};

/// Measures with all threads of the pool. `buffer_bytes` 0: four times the last-level caches, at
/// least 256 MB, at most an eighth of free memory. Cost: about a second.
Roofline measure_roofline(ThreadPool& pool, int repetitions = 5, size_t buffer_bytes = 0);

/// Only the read bandwidth, over memory that exists already (weights in place): paired with a
/// measurement so that both see the machine in the same state.
double measure_read_gb_s(ThreadPool& pool, const uint8_t* data, size_t bytes);

}  // namespace strata::kernel
