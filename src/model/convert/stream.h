// Rows of a tensor in another type, a few at a time.
#pragma once
#include <functional>
#include <span>

#include "base/threads.h"
#include "graph/weight.h"

namespace strata::model {

/// Calls `write` with the tensor's bytes in `type`, piece by piece and in order; pages of `source`
/// that were read are released on the way. Threads share the work. Errors: invalid_argument for a
/// type without a quantiser; those of the tensor and `write`.
void stream(const graph::StoredTensor& tensor, const graph::WeightSource& source, kernel::Type type,
            ThreadPool& pool, const std::function<void(std::span<const uint8_t>)>& write);

/// Can values be written in this type?
bool can_write(kernel::Type type);

}  // namespace strata::model
