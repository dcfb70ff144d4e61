#include "graph/graph.h"

#include <iterator>

#include "base/check.h"
#include "base/error.h"
#include "graph/require.h"
#include "kernel/attention.h"

namespace strata::graph {

std::string_view name(Op op) {
  static constexpr std::string_view names[] = {
      "embed",       "rms_norm",   "layer_norm", "linear", "linear_glu", "rope",  "experts",
      "head_linear", "latent_row", "attention",  "glu",    "activate",   "add",   "scale",
      "clamp",       "softcap",    "select",     "pool",   "quantise",
      "gated_norm",  "conv1d",     "selective_scan", "ssd_scan", "delta_rule"};
  static_assert(std::size(names) == static_cast<size_t>(Op::delta_rule) + 1);
  return names[static_cast<int>(op)];
}

bool is_norm(Op op) { return op == Op::rms_norm || op == Op::layer_norm; }
bool is_linear(Op op) {
  return op == Op::linear || op == Op::linear_glu || op == Op::experts;
}

bool Graph::has(std::string_view weight) const {
  return source_->find(std::string(weight) + ".weight") != nullptr;
}

int64_t Graph::max_positions() const {
  for (const Node& node : nodes) {
    if (node.positions != kNone)
      return weights[node.weights[node.positions]].tensor->shape[0] - node.position_offset;
  }
  return 0;
}

int Graph::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<int>(values.size()) - 1;
}

Tensor Graph::emit(Node node, Value out) {
  node.layer = layer_;
  out.name = fmt::format("{}{}.{}", name(node.op), nodes.size(),
                         layer_ == kNone ? "x" : std::to_string(layer_));
  node.out = {add_value(std::move(out))};
  nodes.push_back(std::move(node));
  return {nodes.back().out[0]};
}

int Graph::vector_weight(std::string_view weight, int64_t n) {
  const StoredTensor* bare = source_->find(weight);   // "ssm_a" of the formats has no suffix
  const StoredTensor& tensor = bare ? *bare : require(*source_, std::string(weight) + ".weight");
  if (tensor.elements() != n) misshapen(tensor, fmt::format("{} elements", n));
  weights.push_back({.tensor = &tensor});
  return static_cast<int>(weights.size()) - 1;
}

int Graph::matrix_weight(std::string_view weight, int64_t cols) {
  const StoredTensor* tensor = &require(*source_, std::string(weight) + ".weight");
  // A matrix of one row may be stored as a vector.
  if (tensor->shape == std::vector<int64_t>{cols}) {
    slices_->push_back(slice_rows(*tensor, 0, 1));
    tensor = &slices_->back();
  }
  return add_matrix(*tensor, source_->find(std::string(weight) + ".bias"), cols);
}

int Graph::add_matrix(const StoredTensor& tensor, const StoredTensor* bias, int64_t cols) {
  if (tensor.shape.size() != 2 || tensor.shape[1] != cols || tensor.shape[0] < 1)
    misshapen(tensor, fmt::format("[rows, {}]", cols));
  if (bias && bias->elements() != tensor.shape[0])
    misshapen(*bias, fmt::format("[{}]", tensor.shape[0]));
  weights.push_back({.tensor = &tensor, .bias = bias, .matrix = true});
  return static_cast<int>(weights.size()) - 1;
}

int Graph::table(std::string_view weight, int64_t d) {
  const int w = matrix_weight(weight, d);
  weights[w].matrix = false;   // rows are looked up where they are stored
  return w;
}

Tensor Graph::embed(std::string_view weight, int64_t d_model, const EmbedForm& form) {
  Node node{.op = Op::embed, .weights = {table(weight, d_model)}};
  node.scale = form.scale;
  node.position_offset = form.position_offset;
  const auto add = [&](std::string_view name, int& which) {
    if (name.empty()) return;
    which = static_cast<int>(node.weights.size());
    node.weights.push_back(table(name, d_model));
  };
  add(form.positions, node.positions);
  add(form.constant, node.constant);
  return emit(std::move(node), {.d = d_model});
}

int Graph::norm_weight(std::string_view weight, const Value& x) {
  const StoredTensor* gain = source_->find(std::string(weight) + ".weight");
  return vector_weight(weight, gain && gain->elements() == x.width() ? x.width() : x.d);
}

Tensor Graph::rms_norm(Tensor x, std::string_view weight, float eps, float offset) {
  const Value in = values[x.value];
  Node node{.op = Op::rms_norm, .in = {x.value}, .weights = {norm_weight(weight, in)}};
  node.eps = eps;
  node.offset = offset;
  return emit(std::move(node), {.rows = in.rows, .heads = in.heads, .d = in.d});
}

Tensor Graph::layer_norm(Tensor x, std::string_view weight, float eps, float offset) {
  const Value in = values[x.value];
  const int w = norm_weight(weight, in);
  const int64_t n = weights[w].tensor->elements();
  const StoredTensor* bias = source_->find(std::string(weight) + ".bias");
  if (bias && bias->elements() != n) misshapen(*bias, fmt::format("{} elements", n));
  weights[w].bias = bias;
  Node node{.op = Op::layer_norm, .in = {x.value}, .weights = {w}};
  node.eps = eps;
  node.offset = offset;
  return emit(std::move(node), {.rows = in.rows, .heads = in.heads, .d = in.d});
}

Tensor Graph::elementwise(Node node) {
  const Value in = values[node.in[0]];
  return emit(std::move(node), {.rows = in.rows, .heads = in.heads, .d = in.d});
}

Tensor Graph::activate(kernel::Act act, Tensor x) {
  Node node{.op = Op::activate, .in = {x.value}};
  node.act = act;
  return elementwise(std::move(node));
}

Tensor Graph::scale(Tensor x, float factor) {
  Node node{.op = Op::scale, .in = {x.value}};
  node.scale = factor;
  return elementwise(std::move(node));
}

Tensor Graph::clamp(Tensor x, float limit) {
  Node node{.op = Op::clamp, .in = {x.value}};
  node.cap = limit;
  return elementwise(std::move(node));
}

Tensor Graph::linear(Tensor x, std::string_view weight) {
  const Value in = values[x.value];
  const int w = matrix_weight(weight, in.width());
  const int64_t rows = weights[w].tensor->shape[0];
  return emit({.op = Op::linear, .in = {x.value}, .weights = {w}}, {.rows = in.rows, .d = rows});
}

Tensor Graph::heads(Tensor x, int n, int64_t d) {
  Value& value = values[x.value];
  if (value.width() != n * d) {
    fail(Code::data_loss, "a projection has {} outputs, expected {} heads of {}", value.width(), n,
         d);
  }
  value.heads = n;
  value.d = d;
  return x;
}

Tensor Graph::merge(Tensor x) {
  Value& value = values[x.value];
  value.d = value.width();
  value.heads = 1;
  return x;
}

Tensor Graph::rope(Tensor x, int rope) {
  const Value in = values[x.value];
  if (ropes[rope].d > in.d) {
    fail(Code::data_loss, "rotary embedding over {} dimensions of heads of {}", ropes[rope].d,
         in.d);
  }
  Node node{.op = Op::rope, .in = {x.value}};
  node.rope = rope;
  return emit(std::move(node), {.rows = in.rows, .heads = in.heads, .d = in.d});
}

Tensor Graph::attention(Tensor q, Tensor k, Tensor v, AttentionOptions options) {
  const Value vq = values[q.value], vk = values[k.value], vv = values[v.value];
  if (vq.d != vk.d || vk.heads != vv.heads || vk.heads < 1 || vq.heads % vk.heads != 0) {
    fail(Code::data_loss,
         "attention over {} query heads of {}, {} key heads of {} and {} value heads", vq.heads,
         vq.d, vk.heads, vk.d, vv.heads);
  }
  Node node{.op = Op::attention, .in = {q.value, k.value, v.value}};
  return emit_attention(std::move(node), std::move(options),
                        {.n_head_kv = vk.heads, .d_k = static_cast<int>(vk.d),
                         .d_v = static_cast<int>(vv.d)});
}

Tensor Graph::latent_attention(Tensor q, Tensor row, int d_v, AttentionOptions options) {
  const Value vq = values[q.value], vr = values[row.value];
  if (vq.d != vr.d || vr.heads != 1 || d_v < 1 || d_v > vr.d) {
    fail(Code::data_loss,
         "latent attention of {} query heads of {} over {} rows of {}, of which {} are values",
         vq.heads, vq.d, vr.heads, vr.d, d_v);
  }
  Node node{.op = Op::attention, .in = {q.value, row.value}};
  return emit_attention(std::move(node), std::move(options),
                        {.n_head_kv = 1, .d_k = static_cast<int>(vr.d), .d_v = d_v,
                         .latent = true});
}

Tensor Graph::emit_attention(Node node, AttentionOptions options, CacheSpec cache) {
  const Value q = values[node.in[0]];
  if (cache.d_k > kernel::kAttendDim || cache.d_v > kernel::kAttendDim) {
    fail(Code::unimplemented, "attention heads of {} and {}; at most {} are supported", cache.d_k,
         cache.d_v, kernel::kAttendDim);
  }
  if (!options.alibi.empty() && std::ssize(options.alibi) != q.heads) {
    fail(Code::data_loss, "{} slopes for {} query heads", options.alibi.size(), q.heads);
  }
  if (!options.sinks.empty()) {
    node.sinks = static_cast<int>(node.weights.size());
    node.weights.push_back(vector_weight(options.sinks, q.heads));
  }
  // Queries of a bidirectional layer look back half a window, and all of them come in one step.
  cache.window = options.causal ? options.window : 0;
  node.attention = std::move(options);
  node.cache = static_cast<int>(caches.size());
  caches.push_back(cache);
  return emit(std::move(node), {.rows = q.rows, .heads = q.heads, .d = cache.d_v});
}

Tensor Graph::glu(kernel::Act act, Tensor gate, Tensor up) {
  const Value a = values[gate.value];
  if (a.width() != values[up.value].width()) {
    fail(Code::data_loss, "gate has {} outputs and up has {}", a.width(), values[up.value].width());
  }
  Node node{.op = Op::glu, .in = {gate.value, up.value}};
  node.act = act;
  return emit(std::move(node), {.rows = a.rows, .d = a.width()});
}

Tensor Graph::add(Tensor a, Tensor b, float scale) {
  const Value va = values[a.value];
  if (va.width() != values[b.value].width() || va.rows != values[b.value].rows) {
    fail(Code::data_loss, "a residual of {} values meets one of {}", va.width(),
         values[b.value].width());
  }
  Node node{.op = Op::add, .in = {a.value, b.value}};
  node.scale = scale;
  return emit(std::move(node), {.rows = va.rows, .d = va.width()});
}

Tensor Graph::softcap(Tensor x, float cap) {
  Node node{.op = Op::softcap, .in = {x.value}};
  node.cap = cap;
  return elementwise(std::move(node));
}

Tensor Graph::select(Tensor x) {
  return emit({.op = Op::select, .in = {x.value}}, {.rows = Rows::outputs,
                                                    .d = values[x.value].width()});
}

Tensor Graph::pool(Tensor x, Pool kind) {
  Node node{.op = Op::pool, .in = {x.value}};
  node.pool = kind;
  return emit(std::move(node), {.rows = Rows::outputs, .d = values[x.value].width()});
}

int Graph::add_state(int64_t floats) {
  states.push_back({floats});
  return static_cast<int>(states.size()) - 1;
}

int Graph::add_rope(RopeSpec spec) {
  STRATA_CHECK(spec.d > 0 && spec.d % 2 == 0);
  ropes.push_back(std::move(spec));
  return static_cast<int>(ropes.size()) - 1;
}

std::vector<int> Graph::readers(int value) const {
  std::vector<int> found;
  for (size_t i = 0; i < nodes.size(); ++i) {
    bool reads = nodes[i].residual == value;
    for (int in : nodes[i].in) reads |= in == value;
    if (reads) found.push_back(static_cast<int>(i));
  }
  return found;
}

int Graph::writer(int value) const {
  for (size_t i = 0; i < nodes.size(); ++i)
    for (int out : nodes[i].out)
      if (out == value) return static_cast<int>(i);
  return kNone;
}

std::vector<int> input_matrices(const Graph& g, const Node& node) {
  if (!is_linear(node.op)) return {};
  if (node.op != Op::experts) return node.weights;
  std::vector<int> found;
  for (const ExpertWeights& w : g.expert_blocks[node.experts].weights)
    found.insert(found.end(), {w.gate, w.up});
  return found;
}

void Graph::erase(const std::vector<bool>& dead) {
  size_t kept = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (dead[i]) continue;
    if (kept != i) nodes[kept] = std::move(nodes[i]);
    ++kept;
  }
  nodes.resize(kept);
}

}  // namespace strata::graph
