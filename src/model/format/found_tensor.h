// A tensor as a file holds it, before anything is known of the model.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/weight.h"

namespace strata::model {

/// An element type of checkpoint files, by safetensors' name.
struct ElementType {
  std::string_view name;
  int bytes;
  std::optional<kernel::Type> type;  // none: not to be computed with
};
/// Null if unknown.
const ElementType* find_element(std::string_view name);

/// Where a tensor is, and what the file calls it.
struct FoundTensor {
  graph::StoredTensor tensor = {};  // name as in the file
  /// ElementType::name where the type cannot be computed with; empty: usable.
  std::string unsupported_type = {};
  std::string_view element() const;  // ElementType::name, or the file's own word
  int element_bytes() const;         // 0 if unknown
};

/// Writes rows [begin, end) of a tensor, all dimensions but the last counted as rows.
/// What it reads from must live as long as the store. Errors: data_loss.
using MakeRows = std::function<void(int64_t begin, int64_t end, uint8_t* out)>;

/// Elements of a shape; nothing where a dimension is negative or the product passes 63 bits.
std::optional<int64_t> count_elements(std::span<const int64_t> shape);

/// A tensor of `element` over `bytes`. An empty tensor is unsupported.
/// Errors: data_loss with `where` when shape and bytes disagree.
FoundTensor found_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                         std::span<const uint8_t> bytes, std::string_view where);
/// The same for rows that are made.
FoundTensor made_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                        MakeRows make, std::string_view where);

/// Errors: data_loss naming a tensor that appears twice.
void check_unique_names(std::span<const FoundTensor> tensors, std::string_view where);
/// Errors: data_loss naming two tensors whose bytes overlap.
void check_overlap(std::span<const FoundTensor> tensors, std::string_view where);

}  // namespace strata::model
