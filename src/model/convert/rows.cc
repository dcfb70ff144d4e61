#include "model/convert/rows.h"

#include <cstring>

#include "base/check.h"

namespace strata::model {

using graph::StoredTensor;

StoredTensor with_rows(const StoredTensor& tensor, std::function<int64_t(int64_t)> from) {
  StoredTensor out = tensor;
  out.data = nullptr;
  const bool vector = tensor.shape.size() == 1;
  const size_t row =
      vector ? kernel::info(tensor.type).bytes : kernel::row_bytes(tensor.type, tensor.cols());
  STRATA_CHECK(!vector || kernel::info(tensor.type).block == 1);
  out.make = [&tensor, from = std::move(from), row, vector](int64_t begin, int64_t end,
                                                            uint8_t* to) {
    std::vector<uint8_t> room;
    if (vector) {
      const uint8_t* all = graph::rows_of(tensor, 0, 1, room);
      for (int64_t i = 0; i < tensor.cols(); ++i)
        std::memcpy(to + i * row, all + from(i) * row, row);
      return;
    }
    for (int64_t r = begin; r < end; ++r, to += row)
      std::memcpy(to, graph::rows_of(tensor, from(r), from(r) + 1, room), row);
  };
  return out;
}

StoredTensor with_rows_paired(const StoredTensor& tensor, int heads, int d) {
  const int64_t rows = tensor.shape.front() / heads;
  return with_rows(tensor, [rows, d](int64_t r) {
    const int64_t head = r / rows * rows, i = r % rows;
    return head + (i >= d ? i : i / 2 + i % 2 * (d / 2));
  });
}

StoredTensor with_rows_halved(const StoredTensor& tensor, int heads, int d) {
  const int64_t rows = tensor.shape.front() / heads;
  return with_rows(tensor, [rows, d](int64_t r) {
    const int64_t head = r / rows * rows, i = r % rows;
    return head + (i >= d ? i : i % (d / 2) * 2 + i / (d / 2));
  });
}

StoredTensor with_added(const StoredTensor& tensor, float offset) {
  StoredTensor out = tensor;
  out.type = kernel::Type::f32;
  out.data = nullptr;
  out.bytes = static_cast<size_t>(tensor.elements()) * sizeof(float);
  out.make = [&tensor, offset](int64_t begin, int64_t end, uint8_t* to) {
    std::vector<uint8_t> room;
    const int64_t n = (end - begin) * tensor.cols();
    std::vector<float> values(n);
    kernel::to_f32(tensor.type, graph::rows_of(tensor, begin, end, room), n, values.data());
    for (float& v : values) v += offset;
    std::memcpy(to, values.data(), n * sizeof(float));
  };
  return out;
}

}  // namespace strata::model
