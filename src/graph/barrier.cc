#include "graph/barrier.h"

namespace strata::graph {

bool quantises(const Graph& g, const Node& node) {
  return node.op == Op::quantise || (is_norm(node.op) && g.values[node.out[0]].as_records);
}

bool barrier_after(const Graph& g, const Node& node, int64_t rows) {
  if (!quantises(g, node) || !privately(rows)) return true;
  return is_norm(node.op) && g.values[node.out[0]].as_f32;
}

namespace {

int inside(const Node& node, int64_t rows) {
  if (node.op == Op::attention) return rows > kAttentionTaskTokens;
  if (node.op == Op::experts) return 1 + node.records_inside + !privately(rows);
  return 0;
}

}  // namespace

int barriers(const Graph& g, int64_t rows) {
  int total = 0;
  for (const Node& node : g.nodes)
    total += barrier_after(g, node, rows) + inside(node, rows);
  return total;
}

}  // namespace strata::graph
