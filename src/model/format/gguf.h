// GGUF: one binary file with typed metadata and tensors. Versions 2 and 3, little-endian.
// Source: the GGUF specification (docs/gguf.md of the ggml project).
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/format/mapped_store.h"
#include "model/format/value.h"

namespace strata::model {

/// Numbers that a file stores as the type of a metadata value.
enum class GgufType : uint32_t {
  u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64,
};

namespace gguf {
inline constexpr uint32_t kMagic = 0x46554747;               // "GGUF"
inline constexpr uint32_t kVersionMin = 2, kVersionMax = 3;
inline constexpr uint64_t kKeysMax = 1 << 16;
inline constexpr uint64_t kKeyLengthMax = 65535;             // the specification's
inline constexpr uint64_t kTensorsMax = 1 << 20;
inline constexpr uint64_t kTensorNameMax = 256;  // the specification says 64; some exceed it
inline constexpr uint32_t kDimsMax = 4;
inline constexpr uint64_t kArrayElementsMax = 1 << 24;       // of all arrays of a file together
inline constexpr uint64_t kAlignmentDefault = 32, kAlignmentMin = 8, kAlignmentMax = 1 << 20;
inline constexpr int kSplitsMax = 1024;
}  // namespace gguf

/// One parsed file. Views point into the bytes it was parsed from.
struct GgufFile {
  uint32_t version = 0;
  uint64_t alignment = gguf::kAlignmentDefault;
  Metadata metadata;
  std::vector<FoundTensor> tensors;
};

/// Errors: data_loss with file, byte offset and field; unimplemented for another version, byte
/// order or nested arrays. Cost: memory bounded by a small multiple of the bytes before the tensor
/// data.
GgufFile parse_gguf(std::span<const uint8_t> bytes, std::string_view path);

/// GGUF's name of an element type, also of those that kernel::Type lacks; "type N" if unknown.
std::string ggml_type_name(uint32_t id);

}  // namespace strata::model
