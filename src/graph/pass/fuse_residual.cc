#include "graph/pass.h"

namespace strata::graph {
namespace {

// The sum takes over the residual's memory, so the add must be the residual's last reader, and
// nothing between f and the add may read it either.
bool last_reader(const Graph& g, int value, int from, int add) {
  for (int reader : g.readers(value))
    if (reader >= from && reader != add) return false;
  return g.writer(value) < from;
}

}  // namespace

void fuse_residual(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const Node& add = g.nodes[i];
    if (add.op != Op::add || add.scale != 1) continue;
    for (int side = 1; side >= 0; --side) {
      const int made = add.in[side], kept = add.in[1 - side];
      const int f = g.writer(made);
      if (f == kNone || dead[f] || made == kept) continue;
      Node& node = g.nodes[f];
      const bool adds = node.op == Op::linear || node.op == Op::experts || is_norm(node.op);
      const bool fits = adds && !node.activates &&
                        node.out.size() == 1 && node.residual == kNone;
      if (!fits || g.readers(made).size() != 1 || !last_reader(g, kept, f, static_cast<int>(i)))
        continue;
      node.residual = kept;
      node.out = add.out;
      dead[i] = true;
      break;
    }
  }
  g.erase(dead);
}

}  // namespace strata::graph
