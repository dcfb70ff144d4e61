// Tensors whose elements lie apart in their storage, and other rearrangements made row by row.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

/// Element (i, j, ...) is storage[offset + i strides[0] + j strides[1] ...]. In place where that is
/// contiguous, else made. Errors: data_loss with `where` when an element is outside the storage.
FoundTensor strided_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                           std::vector<int64_t> strides, int64_t offset,
                           std::span<const uint8_t> storage, std::string_view where);

/// A matrix [rows, cols] as [cols, rows]. Its element type has a known size, and it outlives the
/// result. Cost: reads the whole matrix for a few rows, so ask for many at once.
FoundTensor transposed(const FoundTensor& matrix);

}  // namespace strata::model
