#include "graph/pass.h"

namespace strata::graph {

void fuse_glu(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (Node& node : g.nodes) {
    if (node.op != Op::glu) continue;
    const int gate = g.writer(node.in[0]), up = g.writer(node.in[1]);
    if (gate == kNone || up == kNone || gate == up) continue;
    const Node &a = g.nodes[gate], &b = g.nodes[up];
    const auto fits = [&](const Node& n) {
      return n.op == Op::linear && n.weights.size() == 1 && n.residual == kNone && !n.activates &&
             g.readers(n.out[0]).size() == 1;
    };
    if (!fits(a) || !fits(b) || a.in != b.in) continue;
    node.op = Op::linear_glu;
    node.in = a.in;
    node.weights = {a.weights[0], b.weights[0]};
    dead[gate] = dead[up] = true;
  }
  g.erase(dead);
}

}  // namespace strata::graph
