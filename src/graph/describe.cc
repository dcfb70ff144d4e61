#include <fmt/format.h>

#include "graph/graph.h"
#include "kernel/type.h"

namespace strata::graph {
namespace {

std::string value_text(const Graph& g, int id) {
  const Value& v = g.values[id];
  const char* rows = v.rows == Rows::tokens ? "T" : "O";
  std::string form = v.as_f32 && v.as_records ? "f32+q8" : v.as_records ? "q8" : "f32";
  return v.heads > 1 ? fmt::format("%{} [{}, {}, {}] {}", id, rows, v.heads, v.d, form)
                     : fmt::format("%{} [{}, {}] {}", id, rows, v.d, form);
}

std::string weight_text(const Graph& g, int id);

// Experts have one line's worth of names: the first chosen from, the first shared.
std::string weights_text(const Graph& g, const Node& node) {
  std::string text;
  for (size_t i = 0; i < node.weights.size(); ++i) {
    if (node.op == Op::experts && g.weights[node.weights[i]].matrix) {
      const auto routed = static_cast<size_t>(g.expert_blocks[node.experts].form.router.n_expert);
      if (i >= 3 && i / 3 != routed) continue;
    }
    text += " " + weight_text(g, node.weights[i]);
  }
  for (int w : {node.positions, node.constant})
    if (w != kNone) text += " " + weight_text(g, w);
  return text;
}

std::string weight_text(const Graph& g, int id) {
  const Weight& w = g.weights[id];
  return fmt::format("{}:{}{}", w.tensor->name, kernel::info(w.tensor->type).name,
                     w.bias ? "+bias" : "");
}

std::string attributes(const Graph& g, const Node& n) {
  std::string text;
  if (n.residual != kNone) text += fmt::format(" + %{}", n.residual);
  if (n.activates) text += " activated";
  if ((n.op == Op::add || n.op == Op::scale) && n.scale != 1)
    text += fmt::format(" scale={:.4g}", n.scale);
  if (n.op == Op::attention) {
    const AttentionOptions& a = n.attention;
    text += fmt::format(" scale={:.4g}", a.scale);
    if (a.softcap > 0) text += fmt::format(" softcap={}", a.softcap);
    if (a.window > 0) text += fmt::format(" window={}", a.window);
    if (!a.causal) text += " bidirectional";
    if (!a.alibi.empty()) text += " alibi";
    if (n.sinks != kNone) text += " sinks";
    if (n.in.size() == 2) text += " latent";
    if (n.rope != kNone) text += fmt::format(" rope{}", n.rope);
    if (n.q_norm != kNone) text += " qk_norm";
  }
  if (n.op == Op::experts) {
    const kernel::Router& r = g.expert_blocks[n.experts].form.router;
    text += fmt::format(" {} of {}", r.n_used, r.n_expert);
    if (r.n_group_used < r.n_group)
      text += fmt::format(" in {} of {} groups", r.n_group_used, r.n_group);
  }
  return text;
}

}  // namespace

double weight_share(const Graph& g, const Node& node, size_t i) {
  if (node.op != Op::experts) return 1;
  const kernel::Router& r = g.expert_blocks[node.experts].form.router;
  return i < 3 * static_cast<size_t>(r.n_expert) ? static_cast<double>(r.n_used) / r.n_expert : 1;
}

Cost cost(const Graph& g, const Node& node) {
  Cost c;
  for (size_t i = 0; i < node.weights.size(); ++i) {
    const Weight& weight = g.weights[node.weights[i]];
    if (weight.matrix) {
      const double share = weight_share(g, node, i);
      c.weight_bytes += share * static_cast<double>(weight.tensor->bytes);
      c.flops += share * 2.0 * static_cast<double>(weight.tensor->elements());
    } else if (node.op != Op::embed) {
      c.weight_bytes += static_cast<double>(weight.tensor->elements()) * 4;
    }
  }
  return c;
}

double weight_bytes(const Graph& g) {
  double total = 0;
  for (const Node& node : g.nodes) total += cost(g, node).weight_bytes;
  return total;
}

double flops_per_token(const Graph& g) {
  double total = 0;
  for (const Node& node : g.nodes) total += cost(g, node).flops;
  return total;
}

std::string describe(const Graph& g) {
  std::string text;
  for (const Node& node : g.nodes) {
    std::string out, in;
    for (int v : node.out) out += (out.empty() ? "" : ", ") + value_text(g, v);
    for (int v : node.in) in += fmt::format("{}%{}", in.empty() ? "" : ", ", v);
    const Cost c = cost(g, node);
    std::string numbers;
    if (c.weight_bytes > 0)
      numbers = fmt::format("   # {:.0f} B/step, {:.0f} flop/row", c.weight_bytes, c.flops);
    text += fmt::format("{:>4} {} = {}({}){}{}{}\n",
                        node.layer == kNone ? "" : fmt::format("L{}", node.layer), out,
                        name(node.op), in, weights_text(g, node), attributes(g, node),
                        numbers);
  }
  text += fmt::format("# {} nodes, {:.0f} weight bytes a step, {:.0f} flops a token\n",
                      g.nodes.size(), weight_bytes(g), flops_per_token(g));
  return text;
}

}  // namespace strata::graph
