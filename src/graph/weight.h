// Where a graph's weights come from: named, stored tensors, in whatever file they live.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/type.h"

namespace strata::graph {

/// A stored tensor; the bytes belong to the source. One that its file keeps in another order
/// (transposed, interleaved, in pieces) has no `data` but makes rows of it on demand.
struct StoredTensor {
  std::string name;             // our name, which is GGUF's: "blk.0.attn_q.weight"
  kernel::Type type = kernel::Type::f32;
  std::vector<int64_t> shape;   // outermost first: a matrix is {rows, cols}, row-major
  const uint8_t* data = nullptr;
  size_t bytes = 0;
  /// Where `data` is null: writes rows [begin, end), all dimensions but the last counted as rows.
  /// Threads may call it at once.
  std::function<void(int64_t begin, int64_t end, uint8_t* out)> make = {};

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const { return elements() / cols(); }
};

/// Rows [begin, end): where they are stored, or made in `room`, which grows as needed.
const uint8_t* rows_of(const StoredTensor& tensor, int64_t begin, int64_t end,
                       std::vector<uint8_t>& room);
/// All elements as floats.
void to_f32(const StoredTensor& tensor, float* out);
/// Rows [begin, end) as a tensor [end - begin, cols] of its own; the bytes stay where they are, and
/// a tensor that makes its rows must outlive its slices.
StoredTensor slice_rows(const StoredTensor& tensor, int64_t begin, int64_t end);

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Null if there is no such tensor. Stable for the life of the source.
  virtual const StoredTensor* find(std::string_view name) const = 0;
  /// Tells the source that the pages of this tensor are not needed for now.
  virtual void release(const StoredTensor&) const {}
};

}  // namespace strata::graph
