// Where the time of a step goes: each kind of operation, next to the machine's limits.
#pragma once
#include <string>
#include <vector>

#include "engine/measure/session.h"
#include "kernel/roofline.h"

namespace strata::engine {

struct BenchOpsOptions {
  int tokens = 1;          // of a step, all of one sequence
  int depth = 0;           // positions in the cache before
  int repetitions = 20;
};

/// The nodes of all layers that do the same: "linear attn_q attn_k attn_v".
struct OpTime {
  std::string name;
  int nodes = 0;
  double seconds = 0;      // of a step
  double bytes = 0;        // of weights, keys and values, read a step
  double operations = 0;   // a step
};
struct BenchOpsReport {
  kernel::Roofline roofline;
  double step_seconds = 0;
  std::vector<OpTime> ops;   // longest first
};

/// The median of the repetitions, by node.
BenchOpsReport bench_ops(Session& session, const BenchOpsOptions& options);

}  // namespace strata::engine
