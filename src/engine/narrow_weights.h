// F32 matrices seen as BF16: half the bytes, and products at about twice the rate on machines that
// multiply bf16. What a model keeps in another type, its vectors and its tables stay as they are.
#pragma once
#include <map>
#include <string>

#include "graph/weight.h"

namespace strata::engine {

class NarrowWeights : public graph::WeightSource {
 public:
  /// `source` outlives this. Rounded to nearest even.
  explicit NarrowWeights(const graph::WeightSource& source) : source_(source) {}

  /// Worth it here: the machine has bf16 products.
  static bool pays();

  const graph::StoredTensor* find(std::string_view name) const override;
  void release(const graph::StoredTensor& tensor) const override;

 private:
  const graph::WeightSource& source_;
  mutable std::map<std::string, graph::StoredTensor, std::less<>> narrow_;
};

}  // namespace strata::engine
