// gpt-oss's experts as published: MXFP4 codes and scales in tensors of their own.
#pragma once
#include <vector>

#include "model/format/mapped_store.h"

namespace strata::model {

/// Each pair X_blocks [experts, rows, cols / 32, 16] and X_scales [experts, rows, cols / 32] of
/// bytes becomes X [experts, rows, cols]; gate_up_proj, whose rows alternate, becomes gate_proj and
/// up_proj.
/// Errors: data_loss naming a pair whose shapes disagree.
/// Source: OCP Microscaling Formats 1.0, section 5; the order of codes is the publishers'.
void join_mxfp4(std::vector<FoundTensor>& tensors);

}  // namespace strata::model
