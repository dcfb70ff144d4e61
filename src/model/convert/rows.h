// Tensors that differ from a stored one by a rule for their rows.
#pragma once
#include <functional>

#include "graph/weight.h"

namespace strata::model {

/// Row r of the result is row from(r) of `tensor`, a vector's element being a row; the type stays.
/// `tensor` must outlive it.
graph::StoredTensor with_rows(const graph::StoredTensor& tensor,
                              std::function<int64_t(int64_t)> from);

/// Rotated rows of each head as pairs: (i, i + d / 2) become (2i, 2i + 1), the first d of a head.
graph::StoredTensor with_rows_paired(const graph::StoredTensor& tensor, int heads, int d);
/// The reverse.
graph::StoredTensor with_rows_halved(const graph::StoredTensor& tensor, int heads, int d);

/// Every value plus `offset`, in F32.
graph::StoredTensor with_added(const graph::StoredTensor& tensor, float offset);

}  // namespace strata::model
