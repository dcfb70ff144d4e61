#include "kernel/repack.h"

#include "base/check.h"
#include "kernel/quant/f8_block.h"
#include "kernel/quant/i4.h"

namespace strata::kernel {
namespace {

int nibble_at(const uint32_t* words, int64_t word, int nibble) {
  return int(words[word] >> 4 * nibble & 15);
}

// Where AWQ keeps the nibble of output 0 .. 7 of a word.
constexpr int kAwqPlace[8] = {0, 4, 1, 5, 2, 6, 3, 7};

int code_at(const Int4Matrix& m, int64_t row, int64_t col) {
  switch (m.order) {
    case Int4Order::gptq: return nibble_at(m.codes, col / 8 * m.rows + row, int(col % 8));
    case Int4Order::awq:
      return nibble_at(m.codes, col * (m.rows / 8) + row / 8, kAwqPlace[row % 8]);
    case Int4Order::compressed: break;
  }
  return nibble_at(m.codes, row * (m.cols / 8) + col / 8, int(col % 8));
}

int zero_at(const Int4Matrix& m, int64_t row, int64_t group) {
  if (!m.zeros) return 8;
  switch (m.order) {
    case Int4Order::gptq:
      return m.zero_add + nibble_at(m.zeros, group * (m.rows / 8) + row / 8, int(row % 8));
    case Int4Order::awq:
      return m.zero_add + nibble_at(m.zeros, group * (m.rows / 8) + row / 8, kAwqPlace[row % 8]);
    case Int4Order::compressed: break;
  }
  return m.zero_add + nibble_at(m.zeros, row / 8 * m.groups() + group, int(row % 8));
}

float scale_at(const Int4Matrix& m, int64_t row, int64_t group) {
  return m.order == Int4Order::compressed ? m.scales[row * m.groups() + group]
                                          : m.scales[group * m.rows + row];
}

template <int block_cols>
void int4_row(const Int4Matrix& m, int64_t row, uint8_t* out) {
  for (int64_t col = 0; col < m.cols; col += block_cols) {
    const int64_t group = col / m.group;
    quant::I4<block_cols> block{};
    block.d = scale_at(m, row, group);
    block.zero = uint8_t(zero_at(m, row, group));
    for (int i = 0; i < block_cols; i += 32) {
      uint8_t q[32];
      for (int k = 0; k < 32; ++k) q[k] = uint8_t(code_at(m, row, col + i + k));
      quant::put_nibbles(q, block.q + i / 2);
    }
    quant::write(block, out, col / block_cols);
  }
}

}  // namespace

float ScaleArray::operator[](int64_t i) const {
  if (type == Type::f32) return static_cast<const float*>(data)[i];
  const uint16_t half = static_cast<const uint16_t*>(data)[i];
  return type == Type::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

bool can_repack(Type type, int64_t cols, int64_t cols_each) {
  const int block = info(type).block;
  return cols % block == 0 && (cols_each % block == 0 || cols_each >= cols);
}

void repack_bytes(Type type, const uint8_t* weights, int64_t cols, const ScaleGrid& scales,
                  int64_t row_begin, int64_t row_end, uint8_t* out) {
  STRATA_CHECK(type == Type::i8 || type == Type::f8_e4m3 || type == Type::f8_e5m2);
  STRATA_CHECK(can_repack(type, cols, scales.cols_each));
  // The blocks of the three types differ in what their bytes mean only.
  using Block = quant::F8;
  constexpr int64_t kCols = sizeof(Block::q);
  for (int64_t r = row_begin; r < row_end; ++r)
    for (int64_t c = 0; c < cols; c += kCols, out += sizeof(Block)) {
      Block block;
      block.d = scales.at(r, c);
      std::memcpy(block.q, weights + r * cols + c, kCols);
      quant::write(block, out, 0);
    }
}

std::optional<Type> int4_type(const Int4Matrix& m) {
  for (Type type : {Type::i4_128, Type::i4_64, Type::i4_32})
    if (can_repack(type, m.cols, m.group)) return type;
  return {};
}

void repack_int4(Type type, const Int4Matrix& m, int64_t row_begin, int64_t row_end,
                 uint8_t* out) {
  STRATA_CHECK(int4_type(m) == type && m.rows % 8 == 0);
  const size_t bytes = row_bytes(type, m.cols);
  for (int64_t r = row_begin; r < row_end; ++r, out += bytes) {
    if (type == Type::i4_128) int4_row<128>(m, r, out);
    else if (type == Type::i4_64) int4_row<64>(m, r, out);
    else int4_row<32>(m, r, out);
  }
}

bool columns_in_order(std::span<const int32_t> g_idx, int64_t group) {
  for (size_t c = 0; c < g_idx.size(); ++c)
    if (g_idx[c] != int64_t(c) / group) return false;
  return true;
}

}  // namespace strata::kernel
