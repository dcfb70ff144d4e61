#include "engine/measure/bench_ops.h"

#include <algorithm>
#include <map>

#include "graph/graph.h"

namespace strata::engine {
namespace {

// "blk.3.attn_q.weight" -> "attn_q"
std::string_view short_name(std::string_view weight) {
  if (weight.starts_with("blk.")) weight.remove_prefix(std::min(weight.find('.', 4) + 1,
                                                                weight.size()));
  return weight.substr(0, weight.rfind('.'));
}

std::string op_name(const graph::Graph& g, const graph::Node& node) {
  std::string text(graph::name(node.op));
  for (const int w : node.weights) {
    const std::string_view name = short_name(g.weights[w].tensor->name);
    if (node.weights.size() > 4 && w != node.weights.front()) continue;
    text += ' ';
    text += name;
  }
  return text;
}

// Of attention's scores and values, which graph::cost leaves out.
void add_attention(const graph::Graph& g, const graph::Node& node, const BenchOpsOptions& o,
                   double kv_position_bytes, OpTime& op) {
  const graph::CacheSpec& c = g.caches[node.cache];
  const double heads = static_cast<double>(g.values[node.in[0]].width()) / c.d_k;
  double pairs = 0;
  for (int t = 1; t <= o.tokens; ++t)
    pairs += c.window > 0 ? std::min(o.depth + t, c.window) : o.depth + t;
  op.operations += 2 * heads * (c.d_k + c.d_v) * pairs;
  const int positions = o.depth + o.tokens;
  op.bytes += kv_position_bytes *
              (c.window > 0 ? std::min(positions, c.window + o.tokens) : positions);
}

double median(std::vector<double>& samples) {
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

BenchOpsReport bench_ops(Session& session, const BenchOpsOptions& options) {
  graph::Executor& executor = session.executor().graph();
  const graph::Graph& g = executor.graph();
  const std::vector<Token> past(static_cast<size_t>(options.depth), 1);
  const std::vector<Token> step(static_cast<size_t>(options.tokens), 2);
  if (!past.empty()) session.append(past, 0);

  std::vector<std::vector<double>> samples(g.nodes.size());
  for (int r = -2; r < options.repetitions; ++r) {   // two to warm up
    session.rewind(options.depth);
    executor.profile(true);
    session.append(step);
    for (size_t i = 0; r >= 0 && i < samples.size(); ++i)
      samples[i].push_back(static_cast<double>(executor.node_ns()[i]) * 1e-9);
  }
  executor.profile(false);

  BenchOpsReport report{.roofline = kernel::measure_roofline(session.executor().pool()), .ops = {}};
  std::map<std::string, OpTime> by_name;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const graph::Node& node = g.nodes[i];
    OpTime& op = by_name[op_name(g, node)];
    const bool all = g.values[node.out[0]].rows == graph::Rows::tokens;
    const graph::Cost cost = graph::cost(g, node);
    ++op.nodes;
    op.seconds += median(samples[i]);
    op.bytes += cost.weight_bytes;
    op.operations += cost.flops * (all ? options.tokens : 1);
    if (node.op == graph::Op::attention)
      add_attention(g, node, options, executor.kv_position_bytes(node.cache), op);
  }
  for (auto& [name, op] : by_name) {
    op.name = name;
    report.step_seconds += op.seconds;
    report.ops.push_back(std::move(op));
  }
  std::sort(report.ops.begin(), report.ops.end(),
            [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return report;
}

}  // namespace strata::engine
