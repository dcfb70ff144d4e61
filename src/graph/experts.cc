// The experts of one layer, however their file lays them out.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "graph/graph.h"
#include "graph/require.h"

namespace strata::graph {
namespace {

// [n, rows, cols] seen as a matrix of n * rows rows.
const StoredTensor* find_stacked(const WeightSource& source, const std::string& name, int n,
                                 int64_t cols) {
  const StoredTensor* t = source.find(name + ".weight");
  if (t && (t->shape.size() != 3 || t->shape[0] != n || t->shape[2] != cols))
    misshapen(*t, fmt::format("[{}, rows, {}]", n, cols));
  return t;
}

// The same elements as a tensor of one column.
StoredTensor as_column(const StoredTensor& tensor) {
  StoredTensor column = tensor;
  column.shape = {tensor.elements(), 1};
  if (tensor.data) return column;
  column.make = [whole = &tensor](int64_t begin, int64_t end, uint8_t* out) {
    const int64_t cols = whole->cols(), first = begin / cols;
    const size_t one = kernel::row_bytes(whole->type, 1);
    std::vector<uint8_t> room;
    const uint8_t* rows = rows_of(*whole, first, (end + cols - 1) / cols, room);
    std::copy_n(rows + (begin - first * cols) * one, (end - begin) * one, out);
  };
  return column;
}

}  // namespace

int Graph::slice_matrix(const StoredTensor& stacked, const StoredTensor* biases, int64_t begin,
                        int64_t end, int64_t cols) {
  slices_->push_back(slice_rows(stacked, begin, end));
  const StoredTensor& matrix = slices_->back();
  const StoredTensor* bias = nullptr;
  if (biases) {
    if (biases->elements() != stacked.rows())
      misshapen(*biases, fmt::format("{} elements", stacked.rows()));
    slices_->push_back(as_column(*biases));
    slices_->push_back(slice_rows(slices_->back(), begin, end));
    bias = &slices_->back();
  }
  return add_matrix(matrix, bias, cols);
}

std::vector<int> Graph::expert_matrices(std::string_view prefix, std::string_view name, int n,
                                        int64_t cols) {
  std::vector<int> found;
  const std::string stacked_name = fmt::format("{}{}_exps", prefix, name);
  if (const StoredTensor* stacked = find_stacked(*source_, stacked_name, n, cols)) {
    const StoredTensor* biases = source_->find(stacked_name + ".bias");
    const int64_t rows = stacked->shape[1];
    for (int e = 0; e < n; ++e)
      found.push_back(slice_matrix(*stacked, biases, e * rows, (e + 1) * rows, cols));
    return found;
  }
  if (!source_->find(fmt::format("{}{}.0.weight", prefix, name)))
    require(*source_, stacked_name + ".weight");
  for (int e = 0; e < n; ++e)
    found.push_back(matrix_weight(fmt::format("{}{}.{}", prefix, name, e), cols));
  return found;
}

void Graph::gate_and_up(ExpertBlock& block, std::string_view prefix, int64_t cols) {
  const int n = static_cast<int>(block.weights.size());
  const std::string fused_name = fmt::format("{}ffn_gate_up_exps", prefix);
  const bool apart = has(fmt::format("{}ffn_gate_exps", prefix));
  const StoredTensor* fused = apart ? nullptr : find_stacked(*source_, fused_name, n, cols);
  if (fused) {
    const StoredTensor* biases = source_->find(fused_name + ".bias");
    const int64_t both = fused->shape[1], half = both / 2;
    for (int e = 0; e < n; ++e) {
      const int64_t gate = e * both, up = gate + half;
      block.weights[e].gate = slice_matrix(*fused, biases, gate, up, cols);
      block.weights[e].up = slice_matrix(*fused, biases, up, gate + both, cols);
    }
    return;
  }
  const std::vector<int> gate = expert_matrices(prefix, "ffn_gate", n, cols);
  const std::vector<int> up = expert_matrices(prefix, "ffn_up", n, cols);
  for (int e = 0; e < n; ++e) {
    block.weights[e].gate = gate[e];
    block.weights[e].up = up[e];
  }
}

Tensor Graph::experts(Tensor x, Tensor logits, Tensor shared_gate, std::string_view prefix,
                      const ExpertForm& form) {
  const Value in = values[x.value];
  const kernel::Router& r = form.router;
  if (values[logits.value].width() != r.n_expert || r.n_used < 1 || r.n_used > r.n_expert) {
    fail(Code::data_loss, "{} router outputs for {} of {} experts", values[logits.value].width(),
         r.n_used, r.n_expert);
  }
  ExpertBlock block{.form = form, .weights = std::vector<ExpertWeights>(r.n_expert)};
  gate_and_up(block, prefix, in.width());
  const int64_t ff = weights[block.weights[0].gate].tensor->shape[0];
  const std::vector<int> down = expert_matrices(prefix, "ffn_down", r.n_expert, ff);
  for (int e = 0; e < r.n_expert; ++e) block.weights[e].down = down[e];

  const std::string shared = fmt::format("{}ffn_", prefix);
  if (has(shared + "gate_shexp")) {
    ExpertWeights w{.gate = matrix_weight(shared + "gate_shexp", in.width()),
                    .up = matrix_weight(shared + "up_shexp", in.width())};
    w.down = matrix_weight(shared + "down_shexp", weights[w.gate].tensor->shape[0]);
    block.weights.push_back(w);
    block.n_shared = 1;
  }
  Node node{.op = Op::experts, .in = {x.value, logits.value}};
  if (shared_gate.value != kNone && block.n_shared > 0) {
    node.in.push_back(shared_gate.value);
    block.shared_gate = true;
  }
  const int64_t d = weights[down[0]].tensor->shape[0];
  for (const ExpertWeights& w : block.weights) {
    const int64_t up = weights[w.up].tensor->shape[0], gate = weights[w.gate].tensor->shape[0];
    if (up != gate) misshapen(*weights[w.up].tensor, fmt::format("{} rows", gate));
    if (weights[w.down].tensor->shape[0] != d)
      misshapen(*weights[w.down].tensor, fmt::format("{} rows", d));
    node.weights.insert(node.weights.end(), {w.gate, w.up, w.down});
  }
  const std::string bias = fmt::format("{}exp_probs_b", prefix);
  if (const StoredTensor* t = source_->find(bias + ".bias")) {
    if (t->elements() != r.n_expert) misshapen(*t, fmt::format("[{}]", r.n_expert));
    block.choice_bias = static_cast<int>(weights.size());
    weights.push_back({.tensor = t});
    node.weights.push_back(block.choice_bias);
  }
  node.experts = static_cast<int>(expert_blocks.size());
  expert_blocks.push_back(std::move(block));
  return emit(std::move(node), {.rows = in.rows, .d = d});
}

}  // namespace strata::graph
