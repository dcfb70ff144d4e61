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
  if ((in.norm = only_writer(g, in.source, Op::rms_norm, reader)) != kNone)
    in.source = g.nodes[in.norm].in[0];
  return in;
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
    // q is rotated in place: it must be nobody else's.
    const int q_reader = q.norm != kNone ? q.norm : q.rope != kNone ? q.rope : static_cast<int>(i);
    if (!same_rope || !same_norm || g.readers(q.source) != std::vector<int>{q_reader}) continue;
    if (q.rope != kNone) {
      node.rope = g.nodes[q.rope].rope;
      dead[q.rope] = dead[k.rope] = true;
    }
    if (q.norm != kNone) {
      node.q_norm = g.nodes[q.norm].weights[0];
      node.k_norm = g.nodes[k.norm].weights[0];
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
