// Memory that the expert blocks of a graph work in, layer after layer. Internal to the executor.
#pragma once
#include <vector>

#include "base/arena.h"
#include "graph/graph.h"
#include "kernel/matmul.h"

namespace strata::graph {

/// The rows of a batch that one expert takes, and where their hidden values lie.
struct ExpertRows {
  int expert = 0;
  int first = 0, n = 0;         // in ExpertPlan::row
  int64_t hidden = 0;           // floats from the start of ExpertRoom::hidden, row by row
  int64_t records = 0;          // records from the start of ExpertRoom::hidden_records
};

/// Groups [begin, end) of an expert's gate and up.
struct ExpertUnit {
  int active = 0;               // index into ExpertPlan::active
  int64_t begin = 0, end = 0;
};

/// A batch sorted by expert. Every thread makes its own, all alike: cheaper than a barrier.
struct ExpertPlan {
  std::vector<ExpertRows> active;   // ascending experts
  std::vector<int32_t> row;         // ascending within an expert
  std::vector<float> weight;        // by what the expert's result for the row is multiplied
  std::vector<int32_t> count;       // by expert
  std::vector<ExpertUnit> units;
};

/// A thread's part of the room.
struct ExpertThread {
  ExpertPlan plan;
  std::vector<int32_t> expert;      // few rows: choices of the thread's own
  std::vector<float> weight;
  std::vector<float> router;        // kernel::route's room
  float* rows = nullptr;            // gathered inputs: a block of rows
  kernel::Record* records = nullptr;
  float* out = nullptr;             // results of a block of rows for a chunk of columns, twice
};

struct ExpertRoom {
  std::vector<int32_t> expert;      // [rows][n_used]
  std::vector<float> weight;
  float* hidden = nullptr;
  kernel::Record* hidden_records = nullptr;
  std::vector<ExpertThread> threads;
  Memory memory;
};

/// Bytes of ExpertRoom::memory; 0 for a graph without experts.
size_t expert_room_bytes(const Graph& graph, int64_t max_tokens, int threads);
ExpertRoom make_expert_room(const Graph& graph, int64_t max_tokens, int threads);

/// Rows that are gathered and multiplied at once: their inputs stay in cache from chunk to chunk.
int64_t expert_row_block(int64_t cols);
inline constexpr int64_t kExpertChunk = 32;   // groups of a matrix worked on at once, at most

}  // namespace strata::graph
