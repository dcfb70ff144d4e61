// Offsets of activations in one arena: values whose lifetimes do not meet share memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace strata::graph {

struct MemoryPlan {
  static constexpr int64_t kNowhere = -1;
  struct Place {
    int64_t f32 = kNowhere;       // bytes from the start of the shared arena
    int64_t records = kNowhere;   // the same
    int64_t privately = kNowhere; // records of few rows, in each thread's arena
  };
  std::vector<Place> places;      // by value
  size_t shared_bytes = 0, private_bytes = 0;
};

MemoryPlan plan_memory(const Graph& graph, int64_t max_tokens, int64_t max_outputs);

}  // namespace strata::graph
