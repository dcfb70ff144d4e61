#include "graph/pass.h"

namespace strata::graph {

void fuse_linear(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& first = g.nodes[i];
    if (dead[i] || first.op != Op::linear || first.residual != kNone) continue;
    for (int reader : g.readers(first.in[0])) {
      Node& other = g.nodes[reader];
      if (reader <= static_cast<int>(i) || dead[reader] || other.op != Op::linear ||
          other.residual != kNone)
        continue;
      first.weights.insert(first.weights.end(), other.weights.begin(), other.weights.end());
      first.out.insert(first.out.end(), other.out.begin(), other.out.end());
      dead[reader] = true;
    }
  }
  g.erase(dead);
}

}  // namespace strata::graph
