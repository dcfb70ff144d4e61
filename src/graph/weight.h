// Where a graph's weights come from: named, stored tensors, in whatever file they live.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/type.h"

namespace strata::graph {

/// A stored tensor; the bytes belong to the source.
struct StoredTensor {
  std::string name;             // our name, which is GGUF's: "blk.0.attn_q.weight"
  kernel::Type type = kernel::Type::f32;
  std::vector<int64_t> shape;   // outermost first: a matrix is {rows, cols}, row-major
  const uint8_t* data = nullptr;
  size_t bytes = 0;
  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Null if there is no such tensor. Stable for the life of the source.
  virtual const StoredTensor* find(std::string_view name) const = 0;
  /// Tells the source that the pages of this tensor are not needed for now.
  virtual void release(const StoredTensor&) const {}
};

}  // namespace strata::graph
