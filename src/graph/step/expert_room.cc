#include <algorithm>

#include "graph/barrier.h"
#include "graph/step/experts.h"

namespace strata::graph {
namespace {

struct Sizes {
  int64_t rows = 0, choices = 0;        // by batch: rows of all experts, choices of the router
  int64_t hidden = 0;                   // floats
  int64_t input = 0;                    // floats of a gathered block
  int64_t out = 0;                      // floats of a thread's results
  int64_t experts = 0, units = 0;

  size_t records(int64_t floats) const {
    return Arena::rounded(static_cast<size_t>(floats / 32 + 1) * sizeof(kernel::Record));
  }
  size_t shared_bytes() const { return Arena::rounded(hidden * sizeof(float)) + records(hidden); }
  size_t thread_bytes() const {
    return Arena::rounded(input * sizeof(float)) + records(input) +
           Arena::rounded(out * sizeof(float));
  }
};

Sizes sizes_of(const Graph& g, int64_t max_tokens, int threads) {
  Sizes s;
  for (const Node& node : g.nodes) {
    if (node.op != Op::experts) continue;
    const ExpertBlock& block = g.expert_blocks[node.experts];
    const int64_t d = g.values[node.in[0]].width(), block_rows = expert_row_block(d);
    const int64_t chosen = block.form.router.n_used;
    const auto n = static_cast<int64_t>(block.weights.size());
    int64_t widest = 0, shared = 0;
    for (int64_t e = 0; e < n; ++e) {
      const int64_t ff = g.weights[block.weights[e].gate].tensor->shape[0];
      if (e < block.form.router.n_expert) widest = std::max(widest, ff);
      else shared += ff;
    }
    s.rows = std::max(s.rows, max_tokens * block.n_used());
    s.choices = std::max(s.choices, max_tokens * chosen);
    s.hidden = std::max(s.hidden, max_tokens * (chosen * widest + shared));
    s.input = std::max(s.input, block_rows * d);
    s.out = std::max(s.out, 2 * block_rows * kExpertChunk * kernel::kGroupRows);
    s.experts = std::max(s.experts, n);
    const int64_t groups = std::max(widest, shared) / kernel::kGroupRows;
    s.units = std::max(s.units, 16 * threads + n * (groups / kExpertChunk + 3));
  }
  return s;
}

}  // namespace

int64_t expert_row_block(int64_t cols) {
  constexpr int64_t kBytes = 768 << 10, kTile = kernel::kTileTokens;
  return std::clamp<int64_t>(kBytes / (cols * 4) / kTile * kTile, 4 * kTile, 64 * kTile);
}

size_t expert_room_bytes(const Graph& graph, int64_t max_tokens, int threads) {
  const Sizes s = sizes_of(graph, max_tokens, threads);
  return s.experts == 0 ? 0 : s.shared_bytes() + s.thread_bytes() * threads;
}

ExpertRoom make_expert_room(const Graph& graph, int64_t max_tokens, int threads) {
  ExpertRoom room;
  const Sizes s = sizes_of(graph, max_tokens, threads);
  if (s.experts == 0) return room;
  room.memory = Memory(s.shared_bytes() + s.thread_bytes() * threads);
  uint8_t* at = room.memory.data();
  const auto floats = [&](int64_t n) {
    auto* p = reinterpret_cast<float*>(at);
    at += Arena::rounded(n * sizeof(float));
    return p;
  };
  const auto records = [&](int64_t n) {
    auto* p = reinterpret_cast<kernel::Record*>(at);
    at += s.records(n);
    return p;
  };
  room.hidden = floats(s.hidden);
  room.hidden_records = records(s.hidden);
  room.expert.resize(s.choices);
  room.weight.resize(s.choices);
  for (int t = 0; t < threads; ++t) {
    ExpertThread& own = room.threads.emplace_back();
    own.plan.active.reserve(s.experts);
    own.plan.count.resize(s.experts);
    own.plan.row.resize(s.rows);
    own.plan.weight.resize(s.rows);
    own.plan.units.reserve(s.units);
    own.expert.resize(std::min<int64_t>(s.choices, s.experts * kPrivateRowsMax));
    own.weight.resize(own.expert.size());
    own.router.resize(3 * s.experts);
    own.rows = floats(s.input);
    own.records = records(s.input);
    own.out = floats(s.out);
  }
  return room;
}

}  // namespace strata::graph
