#include "model/convert/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace strata::model {

using graph::StoredTensor;

namespace {

/// In F32, each row changed in place.
StoredTensor in_f32(const StoredTensor& tensor, std::function<void(float*, int64_t)> change) {
  StoredTensor out = tensor;
  out.type = kernel::Type::f32;
  out.data = nullptr;
  out.bytes = static_cast<size_t>(tensor.elements()) * sizeof(float);
  out.make = [&tensor, change = std::move(change)](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    const int64_t cols = tensor.cols();
    std::vector<float> row(cols);
    for (int64_t r = begin; r < end; ++r, to += cols * sizeof(float)) {
      kernel::to_f32(tensor.type, graph::rows_of(tensor, r, r + 1, room), cols, row.data());
      change(row.data(), cols);
      std::memcpy(to, row.data(), cols * sizeof(float));
    }
  };
  return out;
}

}  // namespace

StoredTensor with_rows(const StoredTensor& tensor, std::vector<int64_t> order) {
  StoredTensor out = tensor;
  out.data = nullptr;
  const bool vector = tensor.shape.size() == 1;
  STRATA_CHECK(static_cast<int64_t>(order.size()) == (vector ? tensor.cols() : tensor.rows()));
  STRATA_CHECK(!vector || kernel::info(tensor.type).block == 1);
  const size_t row =
      vector ? kernel::info(tensor.type).bytes : kernel::row_bytes(tensor.type, tensor.cols());
  out.make = [&tensor, order = std::move(order), row, vector](int64_t begin, int64_t end,
                                                              uint8_t* to) {
    std::vector<uint8_t> room;
    if (vector) {
      const uint8_t* all = graph::rows_of(tensor, 0, 1, room);
      for (size_t i = 0; i < order.size(); ++i)
        std::memcpy(to + i * row, all + order[i] * row, row);
      return;
    }
    for (int64_t r = begin; r < end; ++r, to += row)
      std::memcpy(to, graph::rows_of(tensor, order[r], order[r] + 1, room), row);
  };
  return out;
}

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> out(order.size());
  for (size_t i = 0; i < order.size(); ++i) out[order[i]] = static_cast<int64_t>(i);
  return out;
}

StoredTensor transposed(const StoredTensor& tensor) {
  STRATA_CHECK(tensor.shape.size() == 2 && kernel::info(tensor.type).block == 1);
  StoredTensor out = tensor;
  std::swap(out.shape[0], out.shape[1]);
  out.data = nullptr;
  out.make = [&tensor, size = kernel::info(tensor.type).bytes](int64_t begin, int64_t end,
                                                               uint8_t* to) {
    const int64_t inputs = tensor.rows();
    std::vector<uint8_t> room;
    for (int64_t i = 0; i < inputs; ++i) {
      const uint8_t* row = graph::rows_of(tensor, i, i + 1, room);
      for (int64_t r = begin; r < end; ++r)
        std::memcpy(to + ((r - begin) * inputs + i) * size, row + r * size, size);
    }
  };
  return out;
}

StoredTensor stacked(const std::vector<const StoredTensor*>& matrices) {
  StoredTensor out = *matrices.front();
  const int64_t each = out.rows();
  const size_t row = kernel::row_bytes(out.type, out.cols());
  out.shape.insert(out.shape.begin(), static_cast<int64_t>(matrices.size()));
  out.bytes *= matrices.size();
  out.data = nullptr;
  out.make = [matrices, each, row](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    for (int64_t r = begin; r < end;) {
      const int64_t first = r % each, n = std::min(each - first, end - r);
      std::memcpy(to, graph::rows_of(*matrices[r / each], first, first + n, room), row * n);
      to += row * n;
      r += n;
    }
  };
  return out;
}

StoredTensor from_stack(const StoredTensor& stack, int64_t i) {
  const int64_t rows = stack.shape[1];
  return graph::slice_rows(stack, i * rows, (i + 1) * rows);
}

StoredTensor without_rows(const StoredTensor& tensor, int64_t n) {
  StoredTensor out = graph::slice_rows(tensor, n, tensor.rows());
  out.name = tensor.name;
  return out;
}

StoredTensor with_zero_rows(const StoredTensor& tensor, int64_t n) {
  StoredTensor out = tensor;
  const size_t row = kernel::row_bytes(tensor.type, tensor.cols());
  out.shape[0] += n;
  out.bytes += row * n;
  out.data = nullptr;
  out.make = [&tensor, n, row](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    for (int64_t r = begin; r < end; ++r, to += row) {
      if (r < n) std::memset(to, 0, row);
      else std::memcpy(to, graph::rows_of(tensor, r - n, r - n + 1, room), row);
    }
  };
  return out;
}

StoredTensor with_unit_rows(const StoredTensor& tensor) {
  return in_f32(tensor, [](float* row, int64_t n) {
    double length = 0;
    for (int64_t i = 0; i < n; ++i) length += double{row[i]} * row[i];
    const auto factor = static_cast<float>(1 / std::max(std::sqrt(length), 1e-12));
    for (int64_t i = 0; i < n; ++i) row[i] *= factor;
  });
}

StoredTensor with_added(const StoredTensor& tensor, float offset) {
  return in_f32(tensor, [offset](float* row, int64_t n) {
    for (int64_t i = 0; i < n; ++i) row[i] += offset;
  });
}

}  // namespace strata::model
