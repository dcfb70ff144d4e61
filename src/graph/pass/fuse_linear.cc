#include "graph/pass.h"

namespace strata::graph {
namespace {

bool plain(const Node& node) {
  return node.op == Op::linear && node.residual == kNone && !node.activates;
}

}  // namespace

void fuse_linear(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& first = g.nodes[i];
    if (dead[i] || !plain(first)) continue;
    for (int reader : g.readers(first.in[0])) {
      Node& other = g.nodes[reader];
      if (reader <= static_cast<int>(i) || dead[reader] || !plain(other)) continue;
      first.weights.insert(first.weights.end(), other.weights.begin(), other.weights.end());
      first.out.insert(first.out.end(), other.out.begin(), other.out.end());
      dead[reader] = true;
    }
  }
  g.erase(dead);
}

}  // namespace strata::graph
