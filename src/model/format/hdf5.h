// HDF5 files as far as Keras writes them: groups of named datasets, stored in one piece each.
// Source: "HDF5 File Format Specification Version 3.0", sections II to IV.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/format/found_tensor.h"

namespace strata::model {

namespace hdf5 {
inline constexpr size_t kTensorsMax = 1 << 18;
inline constexpr size_t kObjectsMax = 1 << 20;  // groups, nodes and headers visited
inline constexpr int kDepthMax = 32;            // of groups, and of a group's tree
inline constexpr size_t kDimsMax = 16;
inline constexpr size_t kNameMax = 1024;
}  // namespace hdf5

/// Datasets of numbers, named by their path without the first slash; others are left out.
/// Errors: data_loss with file and byte; unimplemented for chunked or compressed datasets.
std::vector<FoundTensor> parse_hdf5(std::span<const uint8_t> bytes, std::string_view path);

bool is_hdf5(std::span<const uint8_t> bytes);

}  // namespace strata::model
