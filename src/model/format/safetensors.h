// safetensors: a JSON header that says where in the file each tensor lies.
// Source: the format's README (the safetensors project).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

namespace safetensors {
inline constexpr uint64_t kHeaderMax = 100'000'000;  // the format's own limit
inline constexpr size_t kDimsMax = 8;
inline constexpr size_t kNameMax = 1024;
}  // namespace safetensors

/// Tensors of one file; data points into `bytes`. Element types other than F32, F16 and BF16 come
/// back as unsupported. Errors: data_loss with file and field. Cost: memory a small multiple of the
/// header.
std::vector<FoundTensor> parse_safetensors(std::span<const uint8_t> bytes, std::string_view path);

/// weight_map of model.safetensors.index.json, or of another format's index, as (tensor name, file
/// name) pairs. File names are plain: no folders. Errors: data_loss with path and key.
std::vector<std::pair<std::string, std::string>> parse_weight_index(std::string_view json,
                                                                    std::string_view path);

}  // namespace strata::model
