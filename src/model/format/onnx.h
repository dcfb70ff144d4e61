// ONNX models: the initialisers of their graph, which are the weights.
// Source: onnx.proto (messages ModelProto, GraphProto, NodeProto, TensorProto).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/format/weight_file.h"

namespace strata::model {

namespace onnx {
inline constexpr size_t kTensorsMax = 1 << 20;
inline constexpr size_t kNodesMax = 1 << 20;
inline constexpr size_t kDimsMax = 16;
inline constexpr size_t kNameMax = 1024;
}  // namespace onnx

/// `bytes`: the model; `map` opens files of external data, which lie beside `path`. A matrix that a
/// MatMul multiplies from the right is [inputs, outputs]; it comes back as a linear layer stores
/// it, named after its node where the exporter dropped its name. Errors: data_loss; unimplemented
/// for an unknown element type.
std::vector<FoundTensor> parse_onnx(std::span<const uint8_t> bytes, const std::string& path,
                                    const MapFile& map);

}  // namespace strata::model
