// Other checkpoints' quantised matrices as stored rows of our types, value for value.
//
// Those layouts keep codes, scales and zero points in tensors of their own, often transposed. A
// loader describes them here and asks for rows; what it gets is stored like any other type and can
// be packed, converted and inspected.
//
//     checkpoint                                              type
//     int8 weights, a scale a tensor, row or group (W8A8)     i8
//     GPTQ, AWQ, compressed-tensors of 4 bits, a scale and    i4_32, i4_64, i4_128
//       perhaps a zero point for 32 k columns or a row
//     FP8 E4M3 / E5M2, a scale a tensor, row or 128 x 128     f8_e4m3, f8_e5m2
//
// Shapes: [rows, cols] as in y = x W^T, whatever the order in the checkpoint.
#pragma once
#include <span>

#include "kernel/type.h"

namespace strata::kernel {

/// Scales as a checkpoint has them: f32, f16 or bf16.
struct ScaleArray {
  const void* data = nullptr;
  Type type = Type::f32;
  ScaleArray() = default;
  ScaleArray(const float* values) : data(values) {}
  ScaleArray(const void* values, Type stored) : data(values), type(stored) {}
  float operator[](int64_t i) const;
};

/// One scale for each `rows_each` x `cols_each` weights: data[r / rows_each * stride + c /
/// cols_each].
struct ScaleGrid {
  ScaleArray data = {};
  int64_t rows_each = 1, cols_each = 1, stride = 0;
  float at(int64_t row, int64_t col) const {
    return data[row / rows_each * stride + col / cols_each];
  }
};

/// Can weights whose scales span `cols_each` columns be stored? cols must be a multiple of the
/// block and a scale must cover whole blocks.
bool can_repack(Type type, int64_t cols, int64_t cols_each);

/// Bytes (int8, or FP8 of the type's kind) [rows, cols] as rows [row_begin, row_end) of `type`: i8,
/// f8_e4m3, f8_e5m2. Requires can_repack(type, cols, scales.cols_each).
void repack_bytes(Type type, const uint8_t* weights, int64_t cols, const ScaleGrid& scales,
                  int64_t row_begin, int64_t row_end, uint8_t* out);

/// Where a checkpoint keeps four-bit codes and zero points.
enum class Int4Order : uint8_t {
  gptq,         // codes [cols / 8, rows], zeros [groups, rows / 8]
  awq,          // codes [cols, rows / 8], zeros [groups, rows / 8]; nibbles 0 2 4 6 1 3 5 7
  compressed,   // codes [rows, cols / 8], zeros [rows / 8, groups]
};

/// scales: [groups, rows] in gptq and awq, [rows, groups] in compressed.
struct Int4Matrix {
  Int4Order order = Int4Order::gptq;
  int64_t rows = 0, cols = 0;
  int64_t group = 0;                  // columns a scale; cols for one a row
  const uint32_t* codes = nullptr;
  const uint32_t* zeros = nullptr;    // null: symmetric, every zero point 8
  ScaleArray scales = {};
  int zero_add = 0;                   // to every stored zero point: 1 in GPTQ's first format
  int64_t groups() const { return (cols + group - 1) / group; }
};

/// The type that holds it; nothing if its groups are no multiple of 32 columns.
std::optional<Type> int4_type(const Int4Matrix& m);
/// Rows [row_begin, row_end) as `type`. Requires type == int4_type(m).
void repack_int4(Type type, const Int4Matrix& m, int64_t row_begin, int64_t row_end, uint8_t* out);

/// GPTQ's g_idx says which group each column belongs to. True if column c is of group c / group, as
/// everything here takes for granted; false where columns were quantised in order of activation.
bool columns_in_order(std::span<const int32_t> g_idx, int64_t group);

}  // namespace strata::kernel
