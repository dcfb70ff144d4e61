// MindSpore checkpoints (.ckpt): a protocol buffer of named tensors.
// Source: mindspore/ccsrc/utils/checkpoint.proto.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

namespace mindspore {
inline constexpr size_t kTensorsMax = 1 << 20;
inline constexpr size_t kDimsMax = 16;
inline constexpr size_t kNameMax = 1024;
}  // namespace mindspore

/// Large tensors come in pieces, which are put together. Errors: data_loss; unimplemented for an
/// unknown element type.
std::vector<FoundTensor> parse_mindspore(std::span<const uint8_t> bytes, std::string_view path);

/// The name that Hugging Face's checkpoints give to what MindFormers calls `name`; the same where
/// no row of the table knows it.
std::string mindspore_to_hf(std::string_view name);

}  // namespace strata::model
