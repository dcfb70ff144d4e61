// TensorFlow checkpoints of version 2: NAME.index, a sorted table, and NAME.data-0000i-of-0000n.
// Source: tensorflow/core/util/tensor_bundle (naming, tensor_bundle.proto) and LevelDB's
// doc/table_format.md.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/format/weight_file.h"

namespace strata::model {

namespace tensor_bundle {
inline constexpr size_t kTensorsMax = 1 << 20;
inline constexpr size_t kBlocksMax = 1 << 16;
inline constexpr size_t kDimsMax = 16;
inline constexpr size_t kNameMax = 4096;
inline constexpr int kShardsMax = 4096;
}  // namespace tensor_bundle

/// `index`: bytes of `path`; `map` opens the shards beside it. Errors: data_loss with file and
/// byte; unimplemented for compressed tables and partitioned variables.
std::vector<FoundTensor> parse_tensor_bundle(std::span<const uint8_t> index,
                                             const std::string& path, const MapFile& map);

}  // namespace strata::model
