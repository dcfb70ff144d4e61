// Tensors that differ from a stored one by a rule for their rows or values.
#pragma once
#include <vector>

#include "graph/weight.h"

namespace strata::model {

/// Row r of the result is row order[r] of `tensor`, a vector's element being a row; the type stays.
/// `tensor` must outlive it, as in all that follow.
graph::StoredTensor with_rows(const graph::StoredTensor& tensor, std::vector<int64_t> order);
/// The order that undoes another.
std::vector<int64_t> inverse(const std::vector<int64_t>& order);

/// A matrix [inputs, outputs] as [outputs, inputs]. Requires a type of one element a block.
graph::StoredTensor transposed(const graph::StoredTensor& tensor);
/// Matrices of one shape and type as one [number, rows, cols], named after the first.
graph::StoredTensor stacked(const std::vector<const graph::StoredTensor*>& matrices);
/// Matrix `i` of such a stack.
graph::StoredTensor from_stack(const graph::StoredTensor& stack, int64_t i);
/// Without its first rows.
graph::StoredTensor without_rows(const graph::StoredTensor& tensor, int64_t n);
/// With `n` rows of zeros before it.
graph::StoredTensor with_zero_rows(const graph::StoredTensor& tensor, int64_t n);
/// Every row scaled to length 1, in F32.
graph::StoredTensor with_unit_rows(const graph::StoredTensor& tensor);
/// Every value plus `offset`, in F32.
graph::StoredTensor with_added(const graph::StoredTensor& tensor, float offset);

}  // namespace strata::model
