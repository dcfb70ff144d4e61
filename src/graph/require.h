// Tensors that must be there, for the builders of a graph.
#pragma once
#include <string>
#include <string_view>

#include "graph/weight.h"

namespace strata::graph {

/// Errors: data_loss naming the tensor.
const StoredTensor& require(const WeightSource& source, const std::string& name);
/// Throws data_loss with the tensor's shape and the one expected.
[[noreturn]] void misshapen(const StoredTensor& tensor, std::string_view expected);

}  // namespace strata::graph
