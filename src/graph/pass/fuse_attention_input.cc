#include "graph/pass.h"

namespace strata::graph {
namespace {

// Follows `value` back over a node of kind `op` that only feeds `reader`; kNone if there is none.
int only_writer(const Graph& g, int value, Op op, int reader) {
  const int writer = g.writer(value);
  if (writer == kNone || g.nodes[writer].op != op) return kNone;
  const std::vector<int> readers = g.readers(value);
  return readers.size() == 1 && readers[0] == reader ? writer : kNone;
}

struct Input {
  int rope = kNone, norm = kNone;   // nodes
  int source = kNone;               // value before them
};

Input follow(const Graph& g, int value, int attention) {
  Input in{.source = value};
  int reader = attention;
  if ((in.rope = only_writer(g, in.source, Op::rope, reader)) != kNone) {
    in.source = g.nodes[in.rope].in[0];
    reader = in.rope;
  }
  in.norm = only_writer(g, in.source, Op::rms_norm, reader);
  // A norm over all heads at once stays a node of its own.
  if (in.norm != kNone &&
      g.weights[g.nodes[in.norm].weights[0]].tensor->elements() != g.values[value].d)
    in.norm = kNone;
  if (in.norm != kNone) in.source = g.nodes[in.norm].in[0];
  return in;
}

// Changed in place: it must be nobody else's.
bool only_read_here(const Graph& g, const Input& in, int attention) {
  const int reader = in.norm != kNone ? in.norm : in.rope != kNone ? in.rope : attention;
  return g.readers(in.source) == std::vector<int>{reader};
}

}  // namespace

void fuse_attention_input(Graph& g) {
  std::vector<bool> dead(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& node = g.nodes[i];
    if (node.op != Op::attention) continue;
    const Input q = follow(g, node.in[0], static_cast<int>(i));
    const Input k = follow(g, node.in[1], static_cast<int>(i));
    const bool same_rope = (q.rope == kNone) == (k.rope == kNone) &&
                           (q.rope == kNone || g.nodes[q.rope].rope == g.nodes[k.rope].rope);
    const bool same_norm =
        (q.norm == kNone) == (k.norm == kNone) &&
        (q.norm == kNone || (g.nodes[q.norm].eps == g.nodes[k.norm].eps &&
                             g.nodes[q.norm].offset == g.nodes[k.norm].offset));
    if (!same_rope || !same_norm || !only_read_here(g, q, static_cast<int>(i)) ||
        !only_read_here(g, k, static_cast<int>(i)))
      continue;
    if (q.rope != kNone) {
      node.rope = g.nodes[q.rope].rope;
      dead[q.rope] = dead[k.rope] = true;
    }
    if (q.norm != kNone) {
      node.q_norm = static_cast<int>(node.weights.size());
      node.k_norm = node.q_norm + 1;
      node.weights.push_back(g.nodes[q.norm].weights[0]);
      node.weights.push_back(g.nodes[k.norm].weights[0]);
      node.eps = g.nodes[q.norm].eps;
      node.offset = g.nodes[q.norm].offset;
      dead[q.norm] = dead[k.norm] = true;
    }
    node.in[0] = q.source;
    node.in[1] = k.source;
  }
  g.erase(dead);
}

}  // namespace strata::graph
