#include "graph/weight.h"

#include <fmt/format.h>

#include <algorithm>

namespace strata::graph {

const uint8_t* rows_of(const StoredTensor& tensor, int64_t begin, int64_t end,
                       std::vector<uint8_t>& room) {
  const size_t row = kernel::row_bytes(tensor.type, tensor.cols());
  if (tensor.data) return tensor.data + row * begin;
  room.resize(row * (end - begin));
  tensor.make(begin, end, room.data());
  return room.data();
}

void to_f32(const StoredTensor& tensor, float* out) {
  constexpr int64_t kRows = 64;
  std::vector<uint8_t> room;
  const int64_t rows = tensor.rows(), cols = tensor.cols();
  for (int64_t r = 0; r < rows; r += kRows) {
    const int64_t end = std::min(r + kRows, rows);
    kernel::to_f32(tensor.type, rows_of(tensor, r, end, room), (end - r) * cols, out + r * cols);
  }
}

StoredTensor slice_rows(const StoredTensor& tensor, int64_t begin, int64_t end) {
  const size_t row = kernel::row_bytes(tensor.type, tensor.cols());
  StoredTensor slice{.name = fmt::format("{}[{}:{}]", tensor.name, begin, end),
                     .type = tensor.type,
                     .shape = {end - begin, tensor.cols()},
                     .data = tensor.data ? tensor.data + row * begin : nullptr,
                     .bytes = row * (end - begin)};
  if (!tensor.data) {
    slice.make = [whole = &tensor, begin](int64_t b, int64_t e, uint8_t* out) {
      whole->make(begin + b, begin + e, out);
    };
  }
  return slice;
}

}  // namespace strata::graph
