// PyTorch checkpoints (.bin, .pt, .pth).
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

namespace pytorch {
inline constexpr size_t kTensorsMax = 1 << 20;
}

/// Tensors of a state dict, also inside the wrappers that training scripts use. `bytes` must stay.
/// Errors: data_loss, also for a pickle that asks for more than data (pickle.h); unimplemented.
std::vector<FoundTensor> parse_pytorch(std::span<const uint8_t> bytes, std::string_view path);

}  // namespace strata::model
