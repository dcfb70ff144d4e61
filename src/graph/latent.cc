// Multi-head latent attention's products around the cache.
#include <fmt/format.h>

#include "base/error.h"
#include "graph/graph.h"
#include "graph/require.h"

namespace strata::graph {
namespace {

// Where turning a matrix round has to unpack it, it stays a float one.
kernel::Type turned_type(kernel::Type stored) {
  return kernel::info(stored).quantised ? kernel::Type::f16 : stored;
}

// Rows of the transpose of rows [first, first + cols) of `whole`.
StoredTensor transposed(const StoredTensor& whole, int64_t first, int64_t cols) {
  const int64_t rows = whole.cols();
  const kernel::Type type = turned_type(whole.type);
  StoredTensor t{.name = fmt::format("{}[{}:{}]^T", whole.name, first, first + cols),
                 .type = type,
                 .shape = {rows, cols},
                 .bytes = kernel::row_bytes(type, cols) * rows};
  t.make = [&whole, type, first, cols, rows](int64_t begin, int64_t end, uint8_t* out) {
    std::vector<uint8_t> room;
    const uint8_t* stored = rows_of(whole, first, first + cols, room);
    const size_t row = kernel::row_bytes(whole.type, rows);
    std::vector<float> values(rows), turned((end - begin) * cols);
    for (int64_t c = 0; c < cols; ++c) {
      kernel::to_f32(whole.type, stored + row * c, rows, values.data());
      for (int64_t r = begin; r < end; ++r) turned[(r - begin) * cols + c] = values[r];
    }
    kernel::from_f32(type, turned.data(), static_cast<int64_t>(turned.size()), out);
  };
  return t;
}

}  // namespace

std::vector<int> Graph::latent_matrices(std::string_view prefix, const LatentShape& s, bool keys) {
  const int64_t rows = keys ? s.rank : s.d_v, cols = keys ? s.d_nope : s.rank;
  std::vector<int> found;
  const std::string name = fmt::format("{}attn_{}_b.weight", prefix, keys ? 'k' : 'v');
  const std::string whole_name = fmt::format("{}attn_kv_b.weight", prefix);
  const StoredTensor* whole = source_->find(whole_name);
  if (const StoredTensor* t = source_->find(name); t || !whole) {
    if (!t) t = &require(*source_, name);
    if (t->shape != std::vector<int64_t>{s.n_head, rows, cols})
      misshapen(*t, fmt::format("[{}, {}, {}]", s.n_head, rows, cols));
    for (int h = 0; h < s.n_head; ++h)
      found.push_back(slice_matrix(*t, nullptr, h * rows, (h + 1) * rows, cols));
    return found;
  }
  const int64_t head = s.d_nope + s.d_v;
  if (whole->shape != std::vector<int64_t>{s.n_head * head, s.rank})
    misshapen(*whole, fmt::format("[{}, {}]", s.n_head * head, s.rank));
  for (int h = 0; h < s.n_head; ++h) {
    slices_->push_back(keys ? transposed(*whole, h * head, s.d_nope)
                            : slice_rows(*whole, h * head + s.d_nope, (h + 1) * head));
    found.push_back(add_matrix(slices_->back(), nullptr, cols));
  }
  return found;
}

Tensor Graph::head_linear(Tensor x, const std::vector<int>& matrices, int rope) {
  const Value in = values[x.value];
  const std::vector<int64_t>& shape = weights[matrices[0]].tensor->shape;
  Node node{.op = Op::head_linear, .in = {x.value}, .weights = matrices};
  node.rope = rope;
  return emit(std::move(node),
              {.rows = in.rows, .heads = in.heads, .d = in.d - shape[1] + shape[0]});
}

Tensor Graph::latent_query(Tensor q, std::string_view prefix, const LatentShape& s, int rope) {
  heads(q, s.n_head, s.d_nope + s.d_rope);
  if (ropes[rope].d != s.d_rope)
    fail(Code::data_loss, "rotary embedding over {} of {} dimensions", ropes[rope].d, s.d_rope);
  return head_linear(q, latent_matrices(prefix, s, true), rope);
}

Tensor Graph::latent_row(Tensor x, std::string_view norm, float eps, int64_t rank, int rope) {
  const Value in = values[x.value];
  if (in.width() != rank + ropes[rope].d) {
    fail(Code::data_loss, "a row of {} for a latent of {} and {} rotated dimensions", in.width(),
         rank, ropes[rope].d);
  }
  Node node{.op = Op::latent_row, .in = {x.value}, .weights = {vector_weight(norm, rank)}};
  node.eps = eps;
  node.rope = rope;
  return emit(std::move(node), {.rows = in.rows, .d = in.width()});
}

Tensor Graph::latent_values(Tensor mix, std::string_view prefix, const LatentShape& s) {
  return head_linear(mix, latent_matrices(prefix, s, false), kNone);
}

}  // namespace strata::graph
