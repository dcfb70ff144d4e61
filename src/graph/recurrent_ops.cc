// The recurrent part of the builder: shapes checked, one state a node.
#include "base/error.h"
#include "graph/graph.h"
#include "kernel/recurrent.h"

namespace strata::graph {
namespace {

void expect(bool holds, std::string_view op, std::string_view what) {
  if (!holds) fail(Code::data_loss, "{}: {}", op, what);
}

}  // namespace

Tensor Graph::gated_norm(Tensor x, Tensor gate, std::string_view weight, float eps,
                         bool gate_first) {
  const Value in = values[x.value];
  expect(values[gate.value].width() == in.width(), "gated norm", "gate and input differ in width");
  const StoredTensor* gain = source_->find(std::string(weight) + ".weight");
  const bool all = gain && gain->elements() == in.width();
  Node node{.op = Op::gated_norm, .in = {x.value, gate.value},
            .weights = {vector_weight(weight, all ? in.width() : in.d)}};
  node.eps = eps;
  node.gate_first = gate_first;
  node.recurrent.d_v = static_cast<int>(in.d);
  return emit(std::move(node), {.rows = in.rows, .heads = in.heads, .d = in.d});
}

Tensor Graph::conv1d(Tensor x, std::string_view weight, int taps, kernel::Act act,
                     std::vector<ChannelFactor> factors) {
  const Value in = values[x.value];
  expect(taps >= 1, "convolution", "no taps");
  const int w = vector_weight(weight, in.width() * taps);
  const StoredTensor* bias = source_->find(std::string(weight) + ".bias");
  expect(!bias || bias->elements() == in.width(), "convolution", "bias and channels differ");
  weights[w].bias = bias;
  Node node{.op = Op::conv1d, .in = {x.value}, .weights = {w}};
  node.act = act;
  node.taps = taps;
  node.factors = std::move(factors);
  node.state = add_state(in.width() * (taps - 1));
  return emit(std::move(node), {.rows = in.rows, .d = in.width()});
}

Tensor Graph::selective_scan(Tensor x, Tensor dt, Tensor b, Tensor c, std::string_view a,
                             std::string_view d) {
  const Value in = values[x.value];
  const int64_t channels = in.width(), d_state = values[b.value].width();
  expect(values[dt.value].width() == channels, "selective scan", "steps and channels differ");
  expect(values[c.value].width() == d_state, "selective scan", "B and C differ in width");
  expect(d_state <= kernel::kScanStateMax, "selective scan", "the state is too large");
  Node node{.op = Op::selective_scan, .in = {x.value, dt.value, b.value, c.value},
            .weights = {vector_weight(a, channels * d_state), vector_weight(d, channels)}};
  node.state = add_state(channels * d_state);
  return emit(std::move(node), {.rows = in.rows, .d = channels});
}

namespace {

// Rows of S are padded so that vectors need no rest.
int64_t state_floats(const RecurrentHeads& h) {
  return int64_t{h.n_head} * h.d_k * ((h.d_v + 15) / 16 * 16);
}

void check_heads(const RecurrentHeads& h, const Value& in, std::string_view op) {
  expect(h.n_group >= 1 && h.n_head % h.n_group == 0, op, "heads cannot share the groups evenly");
  expect(in.width() == 2 * int64_t{h.n_group} * h.d_k + int64_t{h.n_head} * h.d_v, op,
         "the input is not as wide as queries, keys and values");
}

}  // namespace

Tensor Graph::ssd_scan(Tensor xbc, Tensor dt, std::string_view a, std::string_view d,
                       std::string_view dt_bias, const RecurrentHeads& heads) {
  const Value in = values[xbc.value];
  check_heads(heads, in, "state space scan");
  expect(values[dt.value].width() == heads.n_head, "state space scan", "one step a head is needed");
  Node node{.op = Op::ssd_scan, .in = {xbc.value, dt.value},
            .weights = {vector_weight(a, heads.n_head), vector_weight(dt_bias, heads.n_head),
                        vector_weight(d, heads.n_head)}};
  node.recurrent = heads;
  node.state = add_state(state_floats(heads));
  return emit(std::move(node), {.rows = in.rows, .heads = heads.n_head, .d = heads.d_v});
}

Tensor Graph::delta_rule(Tensor qkv, Tensor alpha, Tensor beta, std::string_view a,
                         std::string_view dt_bias, const RecurrentHeads& heads) {
  const Value in = values[qkv.value];
  check_heads(heads, in, "delta rule");
  expect(values[alpha.value].width() == heads.n_head && values[beta.value].width() == heads.n_head,
         "delta rule", "one alpha and one beta a head are needed");
  Node node{.op = Op::delta_rule, .in = {qkv.value, alpha.value, beta.value},
            .weights = {vector_weight(a, heads.n_head), vector_weight(dt_bias, heads.n_head)}};
  node.recurrent = heads;
  node.state = add_state(state_floats(heads));
  return emit(std::move(node), {.rows = in.rows, .heads = heads.n_head, .d = heads.d_v});
}

}  // namespace strata::graph
