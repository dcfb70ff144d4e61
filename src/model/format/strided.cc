#include "model/format/strided.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

/// Lowest and highest element that a view touches, or nothing where that overflows.
std::optional<std::pair<int64_t, int64_t>> extent(std::span<const int64_t> shape,
                                                  std::span<const int64_t> strides,
                                                  int64_t offset) {
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
        __builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high))
      return std::nullopt;
  }
  return std::pair(low, high);
}

bool contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

template <class T>
void copy_row(const uint8_t* from, int64_t stride, int64_t n, uint8_t* out) {
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(out + i * sizeof(T), from + i * stride * static_cast<int64_t>(sizeof(T)),
                sizeof(T));
}

void copy_row(int size, const uint8_t* from, int64_t stride, int64_t n, uint8_t* out) {
  switch (size) {
    case 1: return copy_row<uint8_t>(from, stride, n, out);
    case 2: return copy_row<uint16_t>(from, stride, n, out);
    case 4: return copy_row<uint32_t>(from, stride, n, out);
    case 8: return copy_row<uint64_t>(from, stride, n, out);
  }
  STRATA_CHECK(false);
}

}  // namespace

FoundTensor strided_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                           std::vector<int64_t> strides, int64_t offset,
                           std::span<const uint8_t> storage, std::string_view where) {
  const std::optional<int64_t> elements = count_elements(shape);
  const auto count = static_cast<int64_t>(storage.size()) / element.bytes;
  if (!elements)
    fail(Code::data_loss, "{}: tensor '{}': its number of elements does not fit 63 bits", where,
         printable(name));
  if (*elements == 0) return found_tensor(std::move(name), element, std::move(shape), {}, where);
  const auto range = extent(shape, strides, offset);
  if (!range || range->first < 0 || range->second >= count)
    fail(Code::data_loss, "{}: tensor '{}': it leaves its storage of {} elements", where,
         printable(name), count);
  if (contiguous(shape, strides))
    return found_tensor(std::move(name), element, std::move(shape),
                        storage.subspan(offset * element.bytes, *elements * element.bytes), where);
  // A stride of zero repeats elements: a small file could claim any size.
  if (*elements > count)
    fail(Code::data_loss, "{}: tensor '{}': {} elements of a storage of {}", where, printable(name),
         *elements, count);
  const uint8_t* data = storage.data() + offset * element.bytes;
  auto make = [size = element.bytes, shape, strides, data](int64_t begin, int64_t end,
                                                           uint8_t* out) {
    const int64_t cols = shape.back();
    for (int64_t row = begin; row < end; ++row, out += cols * size) {
      int64_t left = row, from = 0;
      for (size_t i = shape.size() - 1; i-- > 0; left /= shape[i])
        from += left % shape[i] * strides[i];
      copy_row(size, data + from * size, strides.back(), cols, out);
    }
  };
  return made_tensor(std::move(name), element, std::move(shape), std::move(make), where);
}

FoundTensor transposed(const FoundTensor& matrix) {
  const graph::StoredTensor& t = matrix.tensor;
  STRATA_CHECK(t.shape.size() == 2 && matrix.element_bytes() > 0);
  FoundTensor out = matrix;
  out.tensor.shape = {t.shape[1], t.shape[0]};
  out.tensor.data = nullptr;
  out.tensor.make = [from = t, size = matrix.element_bytes()](int64_t begin, int64_t end,
                                                              uint8_t* to) {
    const int64_t rows = from.shape[0], cols = from.shape[1];
    std::vector<uint8_t> room;
    const uint8_t* data = from.data;
    if (!data) {
      room.resize(from.bytes);
      from.make(0, rows, room.data());
      data = room.data();
    }
    for (int64_t r = begin; r < end; ++r, to += rows * size)
      copy_row(size, data + r * size, cols, rows, to);
  };
  return out;
}

}  // namespace strata::model
