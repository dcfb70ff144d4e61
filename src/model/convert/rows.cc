#include "model/convert/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace strata::model {

using graph::StoredTensor;

namespace {

using Change = std::function<void(float* row, int64_t n, int64_t index)>;

size_t row_bytes(const StoredTensor& t) { return kernel::row_bytes(t.type, t.cols()); }

int64_t count(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

/// In F32, each row changed in place.
StoredTensor in_f32(const StoredTensor& tensor, Change change) {
  StoredTensor out = tensor;
  out.type = kernel::Type::f32;
  out.data = nullptr;
  out.bytes = static_cast<size_t>(tensor.elements()) * sizeof(float);
  out.make = [tensor, change = std::move(change)](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    const int64_t cols = tensor.cols();
    auto* row = reinterpret_cast<float*>(to);
    for (int64_t r = begin; r < end; ++r, row += cols) {
      kernel::to_f32(tensor.type, graph::rows_of(tensor, r, r + 1, room), cols, row);
      if (change) change(row, cols, r);
    }
  };
  return out;
}

/// A type whose elements can be moved one by one.
StoredTensor by_element(const StoredTensor& tensor) {
  return kernel::info(tensor.type).block == 1 ? tensor : in_f32(tensor, nullptr);
}

void check_count(const StoredTensor& t, const std::vector<int64_t>& order, int64_t n) {
  const auto last = std::max_element(order.begin(), order.end());
  if (std::ssize(order) != n || (last != order.end() && *last >= std::max(t.rows(), t.cols())))
    fail(Code::data_loss, "tensor '{}' has another shape than the settings say", t.name);
}

std::vector<StoredTensor> of_one_type(std::vector<StoredTensor> parts) {
  const bool alike = std::all_of(parts.begin(), parts.end(),
                                 [&](const StoredTensor& p) { return p.type == parts[0].type; });
  if (!alike)
    for (StoredTensor& p : parts) p = in_f32(p, nullptr);
  return parts;
}

/// Rows [first, first + n) as a tensor of this shape.
StoredTensor rows_from(const StoredTensor& tensor, int64_t first, std::vector<int64_t> shape) {
  StoredTensor out = tensor;
  out.shape = std::move(shape);
  out.bytes = row_bytes(out) * static_cast<size_t>(out.rows());
  if (tensor.data) out.data = tensor.data + row_bytes(tensor) * first;
  else
    out.make = [make = tensor.make, first](int64_t begin, int64_t end, uint8_t* to) {
      make(first + begin, first + end, to);
    };
  return out;
}

}  // namespace

StoredTensor with_rows(const StoredTensor& tensor, std::vector<int64_t> order,
                       std::vector<int64_t> shape) {
  const bool vector = shape.size() == 1;
  const StoredTensor from = vector ? by_element(tensor) : tensor;
  StoredTensor out = from;
  out.shape = std::move(shape);
  out.data = nullptr;
  check_count(tensor, order, vector ? out.cols() : out.rows());
  const size_t row = vector ? kernel::info(from.type).bytes : row_bytes(out);
  out.bytes = row * order.size();
  out.make = [from, order = std::move(order), row, vector](int64_t begin, int64_t end,
                                                           uint8_t* to) {
    std::vector<uint8_t> room;
    if (vector) {
      const uint8_t* all = graph::rows_of(from, 0, from.rows(), room);
      for (size_t i = 0; i < order.size(); ++i)
        std::memcpy(to + i * row, all + order[i] * row, row);
      return;
    }
    for (int64_t r = begin; r < end;) {
      int64_t n = 1;   // rows that lie together are asked for together
      while (r + n < end && order[r + n] == order[r] + n) ++n;
      std::memcpy(to, graph::rows_of(from, order[r], order[r] + n, room), row * n);
      to += row * n;
      r += n;
    }
  };
  return out;
}

StoredTensor with_rows(const StoredTensor& tensor, std::vector<int64_t> order) {
  return with_rows(tensor, std::move(order), tensor.shape);
}

StoredTensor with_columns(const StoredTensor& tensor, std::vector<int64_t> order) {
  const StoredTensor from = by_element(tensor);
  check_count(tensor, order, from.cols());
  StoredTensor out = from;
  out.data = nullptr;
  out.make = [from, order = std::move(order)](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    const size_t size = kernel::info(from.type).bytes;
    for (int64_t r = begin; r < end; ++r) {
      const uint8_t* row = graph::rows_of(from, r, r + 1, room);
      for (int64_t c : order) {
        std::memcpy(to, row + c * size, size);
        to += size;
      }
    }
  };
  return out;
}

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> out(order.size());
  for (size_t i = 0; i < order.size(); ++i) out[order[i]] = static_cast<int64_t>(i);
  return out;
}

StoredTensor transposed(const StoredTensor& tensor) {
  STRATA_CHECK(tensor.shape.size() >= 2);
  const StoredTensor from = by_element(tensor);
  StoredTensor out = from;
  std::swap(out.shape.back(), out.shape[out.shape.size() - 2]);
  out.data = nullptr;
  const int64_t inputs = from.shape[from.shape.size() - 2], outputs = from.cols();
  out.make = [from, inputs, outputs](int64_t begin, int64_t end, uint8_t* to) {
    const size_t size = kernel::info(from.type).bytes;
    std::vector<uint8_t> room;
    while (begin < end) {
      const int64_t matrix = begin / outputs, first = begin % outputs;
      const int64_t n = std::min(end - begin, outputs - first);
      for (int64_t i = 0; i < inputs; ++i) {
        const int64_t at = matrix * inputs + i;
        const uint8_t* row = graph::rows_of(from, at, at + 1, room);
        for (int64_t r = 0; r < n; ++r)
          std::memcpy(to + (r * inputs + i) * size, row + (first + r) * size, size);
      }
      to += n * inputs * size;
      begin += n;
    }
  };
  return out;
}

StoredTensor alternating(const StoredTensor& a, const StoredTensor& b) {
  STRATA_CHECK(a.shape == b.shape);
  const bool matrices = a.shape.size() == 3;
  const std::vector<StoredTensor> both = of_one_type({a, b});
  const StoredTensor first = matrices ? transposed(both[0]) : by_element(both[0]);
  const StoredTensor second = matrices ? transposed(both[1]) : by_element(both[1]);
  StoredTensor out = first;
  out.shape.back() *= 2;
  out.bytes *= 2;
  out.data = nullptr;
  out.make = [first, second](int64_t begin, int64_t end, uint8_t* to) {
    const size_t size = kernel::info(first.type).bytes;
    std::vector<uint8_t> room[2];
    const uint8_t* one = graph::rows_of(first, begin, end, room[0]);
    const uint8_t* other = graph::rows_of(second, begin, end, room[1]);
    for (int64_t i = 0, n = (end - begin) * first.cols(); i < n; ++i, to += 2 * size) {
      std::memcpy(to, one + i * size, size);
      std::memcpy(to + size, other + i * size, size);
    }
  };
  return out;
}

StoredTensor joined(const std::vector<StoredTensor>& given) {
  const std::vector<StoredTensor> parts = of_one_type(given);
  StoredTensor out = parts.front();
  out.shape = {0, out.cols()};
  out.bytes = 0;
  out.data = nullptr;
  for (const StoredTensor& p : parts) {
    STRATA_CHECK(p.cols() == out.cols());
    out.shape[0] += p.rows();
    out.bytes += p.bytes;
  }
  out.make = [parts](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    for (const StoredTensor& p : parts) {
      const int64_t n = p.rows(), b = std::clamp<int64_t>(begin, 0, n);
      const int64_t e = std::clamp<int64_t>(end, 0, n);
      const size_t bytes = row_bytes(p) * (e - b);
      if (e > b) std::memcpy(to, graph::rows_of(p, b, e, room), bytes);
      to += bytes;
      begin -= n;
      end -= n;
    }
  };
  return out;
}

StoredTensor stacked(const std::vector<StoredTensor>& parts) {
  StoredTensor out = joined(parts);
  out.shape = parts.front().shape;
  out.shape.insert(out.shape.begin(), static_cast<int64_t>(parts.size()));
  return out;
}

StoredTensor from_stack(const StoredTensor& stack, int64_t i) {
  const std::vector<int64_t> shape(stack.shape.begin() + 1, stack.shape.end());
  const int64_t rows = count(shape) / stack.cols();
  return rows_from(stack, i * rows, shape);
}

StoredTensor reshaped(const StoredTensor& tensor, std::vector<int64_t> shape) {
  if (shape == tensor.shape) return tensor;
  StoredTensor out = by_element(tensor);
  const StoredTensor from = out;
  out.shape = std::move(shape);
  STRATA_CHECK(out.elements() == from.elements());
  if (from.data || out.cols() == from.cols()) return out;
  out.make = [from, cols = out.cols()](int64_t begin, int64_t end, uint8_t* to) {
    const int64_t size = kernel::info(from.type).bytes, each = from.cols();
    const int64_t first = begin * cols / each, last = (end * cols + each - 1) / each;
    std::vector<uint8_t> room;
    const uint8_t* rows = graph::rows_of(from, first, last, room);
    std::memcpy(to, rows + (begin * cols - first * each) * size, (end - begin) * cols * size);
  };
  return out;
}

StoredTensor without_rows(const StoredTensor& tensor, int64_t n) {
  return rows_from(tensor, n, {tensor.rows() - n, tensor.cols()});
}

StoredTensor with_zero_rows(const StoredTensor& tensor, int64_t n) {
  StoredTensor out = tensor;
  const size_t row = row_bytes(tensor);
  out.shape[0] += n;
  out.bytes += row * n;
  out.data = nullptr;
  out.make = [tensor, n, row](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    for (int64_t r = begin; r < end; ++r, to += row) {
      if (r < n) std::memset(to, 0, row);
      else std::memcpy(to, graph::rows_of(tensor, r - n, r - n + 1, room), row);
    }
  };
  return out;
}

StoredTensor with_unit_rows(const StoredTensor& tensor) {
  return in_f32(tensor, [](float* row, int64_t n, int64_t) {
    double length = 0;
    for (int64_t i = 0; i < n; ++i) length += double{row[i]} * row[i];
    const auto factor = static_cast<float>(1 / std::max(std::sqrt(length), 1e-12));
    for (int64_t i = 0; i < n; ++i) row[i] *= factor;
  });
}

StoredTensor with_values(const StoredTensor& tensor,
                         std::function<float(float value, int64_t row)> change) {
  const bool vector = tensor.shape.size() == 1;
  return in_f32(tensor, [change = std::move(change), vector](float* row, int64_t n, int64_t r) {
    for (int64_t i = 0; i < n; ++i) row[i] = change(row[i], vector ? i : r);
  });
}

}  // namespace strata::model
