#include "graph/memory_plan.h"

#include <algorithm>

#include "graph/barrier.h"
#include "kernel/matmul.h"

namespace strata::graph {
namespace {

struct Interval {
  int value = kNone;
  int begin = 0, end = 0;   // nodes, both included
  size_t bytes = 0;
  int64_t offset = 0;
};

// First fit in order of appearance.
size_t place(std::vector<Interval>& intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  size_t total = 0;
  std::vector<Interval*> placed;   // by offset
  for (Interval& now : intervals) {
    int64_t offset = 0;
    for (const Interval* other : placed) {
      if (other->end < now.begin || now.end < other->begin) continue;
      if (offset + static_cast<int64_t>(now.bytes) <= other->offset) break;
      offset = std::max(offset, other->offset + static_cast<int64_t>(other->bytes));
    }
    now.offset = offset;
    total = std::max(total, static_cast<size_t>(offset) + now.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &now,
                                   [](auto* a, auto* b) { return a->offset < b->offset; }),
                  &now);
  }
  return total;
}

size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

namespace {

// Does the node read the value's floats, or its records alone?
bool reads_f32(const Graph& g, const Node& node, int value) {
  if (!is_linear(node.op) || node.in[0] != value || !g.values[value].as_records) return true;
  for (int w : input_matrices(g, node))
    if (!kernel::info(g.weights[w].tensor->type).quantised) return true;
  return false;
}

}  // namespace

MemoryPlan plan_memory(const Graph& g, int64_t max_tokens, int64_t max_outputs) {
  const size_t n = g.values.size();
  // A sum lives in the memory of its residual.
  std::vector<int> home(n);
  for (size_t v = 0; v < n; ++v) home[v] = static_cast<int>(v);
  for (const Node& node : g.nodes)
    if (node.residual != kNone) home[node.out[0]] = home[node.residual];

  struct Life {
    int begin = -1, end = -1;
    void touch(int node) {
      if (begin < 0) begin = node;
      end = std::max(end, node);
    }
  };
  std::vector<Life> floats(n), records(n);
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const Node& node = g.nodes[i];
    const int at = static_cast<int>(i);
    // No barrier may follow a node that quantises privately: other threads still read its input
    // while this one runs the next node.
    const int until = quantises(g, node) ? at + 1 : at;
    for (int v : node.in) {
      if (reads_f32(g, node, v)) floats[home[v]].touch(until);
      if (is_linear(node.op) && g.values[v].as_records) records[v].touch(at);
    }
    if (node.residual != kNone) floats[home[node.residual]].touch(until);
    for (int v : node.out) {
      if (node.op != Op::quantise && (g.values[v].as_f32 || !quantises(g, node)))
        floats[home[v]].touch(at);
      if (quantises(g, node)) records[v].touch(at);
    }
  }
  floats[home[g.output()]].touch(static_cast<int>(g.nodes.size()));

  MemoryPlan plan;
  plan.places.resize(n);
  std::vector<Interval> shared, own;
  for (size_t v = 0; v < n; ++v) {
    const Value& value = g.values[v];
    const int64_t rows = value.rows == Rows::tokens ? max_tokens : max_outputs;
    const int id = static_cast<int>(v);
    if (home[v] == id && floats[v].begin >= 0) {
      shared.push_back({id * 2, floats[v].begin, floats[v].end,
                        padded(static_cast<size_t>(rows * value.width()) * sizeof(float)), 0});
    }
    if (records[v].begin >= 0) {
      const size_t row = kernel::record_count(value.width(), 1) * sizeof(kernel::Record);
      shared.push_back({id * 2 + 1, records[v].begin, records[v].end, padded(row * rows), 0});
      own.push_back({id, records[v].begin, records[v].end, padded(row * kPrivateRowsMax), 0});
    }
  }
  plan.shared_bytes = place(shared);
  plan.private_bytes = place(own);
  for (const Interval& i : shared) {
    MemoryPlan::Place& p = plan.places[i.value / 2];
    (i.value % 2 ? p.records : p.f32) = i.offset;
  }
  for (const Interval& i : own) plan.places[i.value].privately = i.offset;
  for (size_t v = 0; v < n; ++v) plan.places[v].f32 = plan.places[home[v]].f32;
  return plan;
}

}  // namespace strata::graph
