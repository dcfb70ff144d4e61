// Where the two formats lay out the same weights differently, for both directions.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "graph/weight.h"
#include "model/hyper.h"

namespace strata::model {

/// Row r in GGUF is row [r] of the Hugging Face file; nothing where the order is the same.
/// `t`: as GGUF has it or as the file has it, which have equally many rows.
std::optional<std::vector<int64_t>> row_order(const graph::StoredTensor& t, const Hyper& hf,
                                              bool pairs_in_gguf);
/// A gain that the Hugging Face file stores less by Hyper::norm_offset.
bool is_gain(const graph::StoredTensor& t);
/// A layer's matrix, which some files keep as [inputs, outputs].
bool is_layer_matrix(const graph::StoredTensor& t);

}  // namespace strata::model
