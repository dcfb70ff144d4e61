#include "model/format/quantised_parts.h"

#include <cmath>
#include <cstring>

namespace strata::model {
namespace {

using graph::StoredTensor;
using kernel::Int4Order;
using kernel::Type;

// AWQ's nibbles lie in the order 0 2 4 6 1 3 5 7.
constexpr int kAwqPlace[] = {0, 4, 1, 5, 2, 6, 3, 7};

bool aligned(const void* data, size_t unit) {
  return reinterpret_cast<uintptr_t>(data) % unit == 0;
}

int code_in(const uint8_t* words, int64_t word, int place, int bits) {
  uint32_t w;
  std::memcpy(&w, words + word * 4, 4);
  return static_cast<int>(w >> (place * bits) & ((1u << bits) - 1));
}

// 1 sign, 4 or 5 bits of exponent. Source: arXiv:2209.05433.
float from_f8(uint8_t byte, bool e5m2) {
  const int mantissa_bits = e5m2 ? 2 : 3, bias = e5m2 ? 15 : 7;
  const int exponent = (byte & 0x7f) >> mantissa_bits;
  const int mantissa = byte & ((1 << mantissa_bits) - 1);
  const float sign = byte & 0x80 ? -1.0f : 1.0f;
  if (e5m2 ? exponent == 31 : (byte & 0x7f) == 0x7f)
    return e5m2 && mantissa == 0 ? sign * HUGE_VALF : NAN;
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits);
  return sign * std::ldexp(1.0f + std::ldexp(static_cast<float>(mantissa), -mantissa_bits),
                           exponent - bias);
}

bool zeros_are(const CodeMatrix& m, int value) {
  for (int64_t g = 0; g < m.groups; ++g)
    for (int64_t r = 0; r < m.rows; ++r)
      if (m.zero(r, g) != value) return false;
  return true;
}

/// Codes less 128 as int8.
RowsOf rows_of_int8(CodeMatrix m) {
  return {Type::i8, [m = std::move(m)](int64_t begin, int64_t end, uint8_t* out) {
            std::vector<uint8_t> bytes(m.cols);
            std::vector<float> scales(m.groups);
            const size_t row = kernel::row_bytes(Type::i8, m.cols);
            for (int64_t r = begin; r < end; ++r, out += row) {
              for (int64_t c = 0; c < m.cols; ++c)
                bytes[c] = static_cast<uint8_t>(m.code(r, c) - 128);
              for (int64_t g = 0; g < m.groups; ++g) scales[g] = m.scale(r, g);
              kernel::repack_bytes(Type::i8, bytes.data(), m.cols,
                                   {.data = scales.data(), .cols_each = m.cols / m.groups}, 0, 1,
                                   out);
            }
          }};
}

std::optional<RowsOf> rows_of_int4(const CodeMatrix& m) {
  kernel::Int4Matrix q{.order = m.order,
                       .rows = m.rows,
                       .cols = m.cols,
                       .group = m.cols / m.groups,
                       .codes = reinterpret_cast<const uint32_t*>(m.codes),
                       .zeros = reinterpret_cast<const uint32_t*>(m.zeros),
                       .scales = m.scales.array,
                       .zero_add = m.zero_add};
  const auto type = kernel::int4_type(q);
  if (!type || m.rows % 8 != 0 || !aligned(m.codes, 4) || !aligned(m.zeros, 4))
    return std::nullopt;
  return RowsOf{*type, [type = *type, q, kept = m.scales.kept](int64_t begin, int64_t end,
                                                               uint8_t* out) {
                  kernel::repack_int4(type, q, begin, end, out);
                }};
}

}  // namespace

PartScales::PartScales(const StoredTensor& t) {
  const bool known = t.type == Type::f32 || t.type == Type::f16 || t.type == Type::bf16;
  if (known && t.data && aligned(t.data, kernel::info(t.type).bytes)) {
    array = {t.data, t.type};
    return;
  }
  kept = std::make_shared<std::vector<float>>(t.elements());
  graph::to_f32(t, kept->data());
  array = kept->data();
}

int CodeMatrix::code(int64_t row, int64_t col) const {
  const int per = 32 / bits;
  switch (order) {
    case Int4Order::gptq:
      return code_in(codes, col / per * rows + row, static_cast<int>(col % per), bits);
    case Int4Order::awq:
      return code_in(codes, col * (rows / per) + row / per, kAwqPlace[row % per], bits);
    case Int4Order::compressed: break;
  }
  return code_in(codes, row * ((cols + per - 1) / per) + col / per, static_cast<int>(col % per),
                 bits);
}

int CodeMatrix::zero(int64_t row, int64_t g) const {
  if (!zeros) return 1 << (bits - 1);
  const int per = 32 / bits, place = static_cast<int>(row % per);
  if (order == Int4Order::compressed)
    return zero_add + code_in(zeros, row / per * groups + g, place, bits);
  return zero_add + code_in(zeros, g * (rows / per) + row / per,
                            order == Int4Order::awq ? kAwqPlace[place] : place, bits);
}

float CodeMatrix::scale(int64_t row, int64_t g) const {
  return scales.array[order == Int4Order::compressed ? row * groups + g : g * rows + row];
}

RowsOf rows_of_codes(CodeMatrix m) {
  if (!m.group_of) {
    if (m.bits == 4)
      if (auto rows = rows_of_int4(m)) return *rows;
    if (m.bits == 8 && kernel::can_repack(Type::i8, m.cols, m.cols / m.groups) && zeros_are(m, 128))
      return rows_of_int8(std::move(m));
  }
  return {Type::f32, [m = std::move(m)](int64_t begin, int64_t end, uint8_t* out) {
            auto* to = reinterpret_cast<float*>(out);
            for (int64_t r = begin; r < end; ++r)
              for (int64_t c = 0; c < m.cols; ++c) {
                const int64_t g = m.group(c);
                *to++ = m.scale(r, g) * static_cast<float>(m.code(r, c) - m.zero(r, g));
              }
          }};
}

RowsOf rows_of_bytes(ByteMatrix m) {
  const kernel::ScaleGrid grid{.data = m.scales.array,
                               .rows_each = m.rows_each,
                               .cols_each = m.cols_each,
                               .stride = m.across};
  if (kernel::can_repack(m.type, m.cols, m.cols_each))
    return {m.type, [m, grid](int64_t begin, int64_t end, uint8_t* out) {
              kernel::repack_bytes(m.type, m.bytes, m.cols, grid, begin, end, out);
            }};
  std::array<float, 256> values;
  for (int b = 0; b < 256; ++b)
    values[b] = m.type == Type::i8 ? static_cast<float>(static_cast<int8_t>(b))
                                   : from_f8(static_cast<uint8_t>(b), m.type == Type::f8_e5m2);
  return {Type::f32, [m, grid, values](int64_t begin, int64_t end, uint8_t* out) {
            auto* to = reinterpret_cast<float*>(out);
            for (int64_t r = begin; r < end; ++r)
              for (int64_t c = 0; c < m.cols; ++c)
                *to++ = values[m.bytes[r * m.cols + c]] * grid.at(r, c);
          }};
}

}  // namespace strata::model
