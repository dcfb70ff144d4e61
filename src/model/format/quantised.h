// Quantised matrices that checkpoints keep in several tensors: codes, scales, zero points.
// Sources: the documentation of GPTQ's, AWQ's and compressed-tensors' layouts, and DeepSeek-V3's
// README for block-scaled FP8 (weight_scale_inv).
#pragma once
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

/// Puts "NAME.weight" in the place of its parts, its values exact (types: quantised_parts.h):
///   NAME.qweight, .qzeros, .scales[, .g_idx]                   GPTQ (2, 4, 8 bits), AWQ (4)
///   NAME.weight_packed, .weight_scale[, .weight_zero_point]    compressed-tensors, 4 and 8 bits
///   NAME.weight of I8 or F8 with .weight_scale                 a scale a tensor, row or group
///   NAME.weight of F8 with .weight_scale_inv                   a scale for each 128 x 128
/// `config`: config.json, whose quantization_config tells GPTQ from AWQ and says the block size.
/// Errors: data_loss naming a tensor whose parts do not fit together; unimplemented for other bits.
void resolve_quantised(std::vector<FoundTensor>& tensors, std::string_view config,
                       std::string_view where);

}  // namespace strata::model
