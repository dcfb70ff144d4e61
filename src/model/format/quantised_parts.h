// Matrices of codes, once their parts were found and fit together, as rows of a type of ours.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "kernel/repack.h"
#include "model/format/found_tensor.h"

namespace strata::model {

/// A type and what makes its rows.
struct RowsOf {
  kernel::Type type = kernel::Type::f32;
  MakeRows make = {};
};

/// Scales of a checkpoint: in place, or made once and kept.
struct PartScales {
  explicit PartScales(const graph::StoredTensor& tensor);
  kernel::ScaleArray array;
  std::shared_ptr<std::vector<float>> kept = {};
};

/// Codes of 2, 4 or 8 bits in 32-bit words, with a scale and a zero point for each group.
struct CodeMatrix {
  kernel::Int4Order order = kernel::Int4Order::gptq;   // of codes, zero points and scales
  int bits = 4;
  int64_t rows = 0, cols = 0, groups = 1;
  const uint8_t* codes = nullptr;
  const uint8_t* zeros = nullptr;   // null: half of the codes' range
  int zero_add = 0;
  PartScales scales;
  /// Of each column; null: columns lie group by group.
  std::shared_ptr<const std::vector<int32_t>> group_of = nullptr;

  int64_t group(int64_t col) const { return group_of ? (*group_of)[col] : col / (cols / groups); }
  int code(int64_t row, int64_t col) const;
  int zero(int64_t row, int64_t group) const;
  float scale(int64_t row, int64_t group) const;
};
/// Four bits as they are, eight as int8 where every zero point is 128; F32 where columns lie in no
/// order of groups, or groups in none of blocks.
RowsOf rows_of_codes(CodeMatrix matrix);

/// Bytes [rows, cols] with a scale for each `rows_each` x `cols_each`.
struct ByteMatrix {
  kernel::Type type = kernel::Type::i8;   // what a byte means: i8, f8_e4m3, f8_e5m2
  int64_t cols = 0;
  const uint8_t* bytes = nullptr;
  PartScales scales;
  int64_t rows_each = 1, cols_each = 1, across = 1;
};
/// As it is; F32 where scales do not span whole blocks.
RowsOf rows_of_bytes(ByteMatrix matrix);

}  // namespace strata::model
