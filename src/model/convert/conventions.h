// Where the two formats lay out the same weights differently, for both directions.
#pragma once
#include <optional>
#include <string>
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
/// "blk.2.ffn_up.5.weight" as the stack that GGUF keeps all experts in, "blk.2.ffn_up_exps.weight",
/// and its number there.
struct ExpertName {
  std::string stack;
  int64_t number;
};
std::optional<ExpertName> expert_name(std::string_view name);
/// The reverse; `stack` ends in "_exps.weight".
std::string name_of_expert(std::string_view stack, int64_t number);

/// A layer's matrix, which some files keep as [inputs, outputs].
bool is_layer_matrix(const graph::StoredTensor& t);

}  // namespace strata::model
