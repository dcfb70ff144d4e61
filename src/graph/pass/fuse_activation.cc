#include "graph/pass.h"

namespace strata::graph {

void fuse_activation(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const Node& activate = g.nodes[i];
    if (activate.op != Op::activate) continue;
    const int writer = g.writer(activate.in[0]);
    if (writer == kNone || dead[writer]) continue;
    Node& linear = g.nodes[writer];
    const bool fits = linear.op == Op::linear && linear.weights.size() == 1 &&
                      linear.residual == kNone && !linear.activates &&
                      g.readers(linear.out[0]).size() == 1;
    if (!fits) continue;
    linear.activates = true;
    linear.act = activate.act;
    linear.out = activate.out;
    dead[i] = true;
  }
  g.erase(dead);
}

}  // namespace strata::graph
