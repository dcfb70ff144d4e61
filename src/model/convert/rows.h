// Tensors that differ from a stored one by a rule for their rows or values.
#pragma once
#include <functional>
#include <vector>

#include "graph/weight.h"

namespace strata::model {

// Results keep what they are made from; only the bytes of stored tensors have to outlive them.
// Where single elements move, a type of blocks becomes F32.

/// Rows order[0], order[1] ... of `tensor`, a vector's element being a row; the type stays.
graph::StoredTensor with_rows(const graph::StoredTensor& tensor, std::vector<int64_t> order);
/// The same as a tensor of another shape, with as many rows.
graph::StoredTensor with_rows(const graph::StoredTensor& tensor, std::vector<int64_t> order,
                              std::vector<int64_t> shape);
/// Columns in this order.
graph::StoredTensor with_columns(const graph::StoredTensor& tensor, std::vector<int64_t> order);
/// The order that undoes another.
std::vector<int64_t> inverse(const std::vector<int64_t>& order);

/// A matrix [inputs, outputs] as [outputs, inputs], or every matrix of a stack.
/// Cost: reads a whole matrix for a few rows, so ask for many at once.
graph::StoredTensor transposed(const graph::StoredTensor& tensor);
/// Stacks [n, outputs, inputs] as [n, inputs, 2 outputs], columns of the two by turns; or rows
/// [n, outputs] as [n, 2 outputs].
graph::StoredTensor alternating(const graph::StoredTensor& a, const graph::StoredTensor& b);

/// Tensors of one shape and type as one of one dimension more, named after the first.
graph::StoredTensor stacked(const std::vector<graph::StoredTensor>& parts);
/// Part `i` of such a stack.
graph::StoredTensor from_stack(const graph::StoredTensor& stack, int64_t i);
/// The rows of all, one tensor after the other, as a matrix; F32 where their types differ.
graph::StoredTensor joined(const std::vector<graph::StoredTensor>& parts);

/// The same elements in another shape.
graph::StoredTensor reshaped(const graph::StoredTensor& tensor, std::vector<int64_t> shape);
/// Without its first rows.
graph::StoredTensor without_rows(const graph::StoredTensor& tensor, int64_t n);
/// With `n` rows of zeros before it.
graph::StoredTensor with_zero_rows(const graph::StoredTensor& tensor, int64_t n);
/// Every row scaled to length 1, in F32.
graph::StoredTensor with_unit_rows(const graph::StoredTensor& tensor);
/// Every value changed, in F32. The row is the element's place in a vector.
graph::StoredTensor with_values(const graph::StoredTensor& tensor,
                                std::function<float(float value, int64_t row)> change);

}  // namespace strata::model
