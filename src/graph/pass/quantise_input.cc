#include "graph/pass.h"

#include "kernel/type.h"

namespace strata::graph {
namespace {

struct Need {
  bool f32 = false, records = false;
};

Need need(const Graph& g, const Node& node, int value) {
  if (node.op == Op::quantise) return {};
  if (!is_linear(node.op) || node.in[0] != value) return {.f32 = true};
  Need n{.f32 = node.residual == value};
  for (int w : input_matrices(g, node)) {
    if (kernel::info(g.weights[w].tensor->type).quantised) n.records = true;
    else n.f32 = true;
  }
  return n;
}

}  // namespace

void quantise_input(Graph& g) {
  std::vector<Node> nodes;
  nodes.reserve(g.nodes.size() * 2);
  for (const Node& node : g.nodes) {
    nodes.push_back(node);
    nodes.back().records_inside = node.op == Op::experts || node.op == Op::head_linear;
    for (int out : node.out) {
      Need total{.f32 = out == g.output()};
      for (int reader : g.readers(out)) {
        const Need n = need(g, g.nodes[reader], out);
        total.f32 |= n.f32;
        total.records |= n.records;
      }
      if (!total.records) continue;
      Value& value = g.values[out];
      value.as_records = true;
      if (is_norm(node.op) && node.residual == kNone) {
        value.as_f32 = total.f32;
      } else {
        Node quantise{.op = Op::quantise, .in = {out}, .out = {out}};
        quantise.layer = node.layer;
        nodes.push_back(std::move(quantise));
      }
    }
  }
  g.nodes = std::move(nodes);
}

}  // namespace strata::graph
