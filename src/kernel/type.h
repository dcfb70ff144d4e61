// Element types and block formats of tensors, by GGUF's names and layouts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::kernel {

enum class Type : uint8_t {
  f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs,
  q8_k, iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s, tq1_0, tq2_0, q1_0, mxfp4, nvfp4,
  i8, i4_32, i4_64, i4_128, f8_e4m3, f8_e5m2,   // other checkpoints' layouts, see repack.h
};
inline constexpr int kTypeCount = 34;

struct TypeInfo {
  std::string_view name;   // "Q4_K", as in GGUF
  Type type;
  int ggml_id;             // the number in a GGUF file; ours alone from 1000 on
  int file_type;           // GGUF's general.file_type of a model mostly of this type
  int block;               // elements a block
  int bytes;               // bytes a block, as stored in the file
  bool quantised;          // block format with a scale: takes int8 activations in fast precision
};

const TypeInfo& info(Type type);
std::optional<Type> type_from_ggml(int ggml_id);
std::optional<Type> type_from_name(std::string_view name);   // case-insensitive

/// Bytes of one stored row. Requires cols % info(type).block == 0.
size_t row_bytes(Type type, int64_t cols);

/// out[i] = the stored row's value i, exact in f32. `n` a multiple of the block.
void to_f32(Type type, const void* row, int64_t n, float* out);

/// Has the type a quantiser? Not those that are of little use without an importance matrix: q2_k,
/// q3_k and iq1_* to iq3_*.
bool has_quantiser(Type type);
/// Reference quantiser (least squares, no importance matrix). False, and nothing written, for a
/// type without one.
/// In block formats NaN and infinities count as 0.
bool from_f32(Type type, const float* values, int64_t n, void* row);

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);     // round to nearest even
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);    // round to nearest even, NaN kept

}  // namespace strata::kernel
