#include "graph/require.h"

#include <fmt/format.h>

#include "base/error.h"

namespace strata::graph {

const StoredTensor& require(const WeightSource& source, const std::string& name) {
  const StoredTensor* tensor = source.find(name);
  if (!tensor) {
    fail(Code::data_loss,
         "the model has no tensor '{}', which its architecture needs: the file is incomplete or "
         "another architecture",
         name);
  }
  return *tensor;
}

void misshapen(const StoredTensor& tensor, std::string_view expected) {
  fail(Code::data_loss, "tensor '{}' has shape [{}], expected {}", tensor.name,
       fmt::join(tensor.shape, ", "), expected);
}

}  // namespace strata::graph
