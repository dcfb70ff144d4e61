#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernel/matmul.h"
#include "kernel/quant/format.h"

namespace strata::kernel {
namespace {

using layout::kLine;
using layout::kSpanBlocks;
using layout::Layout;
using quant::bytes;
using quant::word;

// The inverse of layout/unpack.h.
void merge(int bits, const uint32_t (&u)[8], uint32_t (&line)[8]) {
  switch (bits) {
    case 2:
      for (int i = 0; i < 2; i++)
        line[i] = u[4 * i] | u[4 * i + 1] << 2 | u[4 * i + 2] << 4 | u[4 * i + 3] << 6;
      return;
    case 3:
      line[0] = u[0] | u[1] << 3 | (u[6] & bytes(3)) << 6;
      line[1] = u[2] | u[3] << 3 | (u[6] & bytes(4)) << 4 | (u[7] & bytes(4)) << 5;
      line[2] = u[4] | u[5] << 3 | (u[7] & bytes(3)) << 6;
      return;
    case 4:
      for (int j = 0; j < 4; j++) line[j] = u[j] | u[4 + j] << 4;
      return;
    case 5:
      line[0] = 0;
      for (int j = 7; j >= 0; j--) line[0] = line[0] << 1 | (u[j] >> 4 & bytes(1));
      for (int j = 0; j < 4; j++) line[1 + j] = (u[j] & bytes(15)) | (u[4 + j] & bytes(15)) << 4;
      return;
    case 6:
      for (int h = 0; h < 2; h++)
        for (int i = 0; i < 3; i++)
          line[3 * h + i] = u[4 * h + i] | (u[4 * h + 3] >> 2 * i & bytes(3)) << 6;
      return;
    case 8:
      std::copy(u, u + 8, line);
      return;
  }
  STRATA_CHECK(false);
}

void pack_spans(const quant::Format& format, const uint8_t* stored, int rows, int64_t cols,
                uint8_t* out) {
  const Layout& l = format.packing.layout;
  const int bits = codes_of(l.coding).bits;
  const size_t stride = row_bytes(format.type, cols);
  for (int64_t col = 0; col < cols; col += layout::kSpan) {
    const int blocks = int(std::min<int64_t>(cols - col, layout::kSpan) / layout::kBlock);
    const size_t head = header_bytes(l, blocks), size = span_bytes(l, blocks);
    std::memset(out, 0, rows == kGroupRows ? head : size);
    for (int r = 0; r < rows; r++) {
      const uint8_t* p = stored + r * stride + row_bytes(format.type, col);
      format.packing.scales(p, blocks, {out, r});
      uint32_t u[kSpanBlocks][8], line[8];
      format.packing.codes(p, blocks, u);
      for (int b = 0; b < blocks; b++) {
        merge(bits, u[b], line);
        uint8_t* to = out + head + size_t(b) * bits * kLine + 4 * r;
        for (int i = 0; i < bits; i++) std::memcpy(to + i * kLine, &line[i], 4);
      }
    }
    out += size;
  }
}

// Transposition in registers, with vectors that every machine has.
typedef uint32_t Words __attribute__((vector_size(16)));
typedef uint16_t Halves __attribute__((vector_size(16)));

template <class Vector>
Vector load(const uint8_t* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Four words of four rows, `stride` bytes apart, become four words of four lines.
void transpose_words(const uint8_t* from, size_t stride, uint8_t* to) {
  Words r[4];
  for (int i = 0; i < 4; i++) r[i] = load<Words>(from + size_t(i) * stride);
  const Words a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  const Words b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const Words c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const Words d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const Words lines[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5),
                          __builtin_shufflevector(a, b, 2, 3, 6, 7),
                          __builtin_shufflevector(c, d, 0, 1, 4, 5),
                          __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int i = 0; i < 4; i++) std::memcpy(to + i * kLine, &lines[i], sizeof lines[i]);
}

// Eight 16-bit values of eight rows become eight values of eight half lines.
void transpose_halves(const uint8_t* from, size_t stride, uint8_t* to) {
  Halves r[8], s[8];
  for (int i = 0; i < 8; i++) r[i] = load<Halves>(from + size_t(i) * stride);
  for (int i = 0; i < 4; i++) {   // pairs of rows i and i + 4
    s[2 * i] = __builtin_shufflevector(r[i], r[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    s[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int i = 0; i < 4; i++) {
    r[2 * i] = __builtin_shufflevector(s[i], s[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    r[2 * i + 1] = __builtin_shufflevector(s[i], s[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int i = 0; i < 4; i++) {
    s[2 * i] = __builtin_shufflevector(r[i], r[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    s[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i++) std::memcpy(to + i * kLine / 2, &s[i], sizeof s[i]);
}

// `words` 32-bit words of each row, side by side in lines. Whole lines of four rows at a time: rows
// that lie a power of two apart would otherwise push each other out of the cache.
void pack_words(const uint8_t* stored, int rows, size_t stride, int64_t words, uint8_t* out) {
  constexpr int64_t at_once = kLine / 4;
  int64_t w = 0;
  for (; rows == kGroupRows && w + 4 <= words; w += at_once) {
    const int64_t end = std::min(w + at_once, words / 4 * 4);
    for (int r = 0; r < kGroupRows; r += 4)
      for (int64_t k = w; k < end; k += 4)
        transpose_words(stored + size_t(r) * stride + k * 4, stride, out + k * kLine + 4 * r);
  }
  for (w = rows == kGroupRows ? words / 4 * 4 : 0; w < words; w++)
    for (int r = 0; r < kGroupRows; r++) {
      const uint32_t v = r < rows ? word(stored + size_t(r) * stride + w * 4, 0) : 0;
      std::memcpy(out + w * kLine + 4 * r, &v, 4);
    }
}

void pack_f32(const uint8_t* stored, int rows, int64_t cols, uint8_t* out) {
  pack_words(stored, rows, size_t(cols) * 4, cols, out);
}

// Two columns are a word of a row.
void pack_bf16(const uint8_t* stored, int rows, int64_t cols, uint8_t* out) {
  const size_t stride = size_t(cols) * 2;
  pack_words(stored, rows, stride, cols / 2, out);
  if (cols % 2 == 0) return;
  for (int r = 0; r < kGroupRows; r++) {
    uint32_t v = 0;
    if (r < rows) std::memcpy(&v, stored + size_t(r) * stride + (cols - 1) * 2, 2);
    std::memcpy(out + cols / 2 * kLine + 4 * r, &v, 4);
  }
}

void pack_f16(const uint8_t* stored, int rows, int64_t cols, uint8_t* out) {
  constexpr int64_t at_once = kLine / 2;
  const size_t stride = size_t(cols) * 2;
  const int64_t whole = rows == kGroupRows ? cols / 8 * 8 : 0;
  for (int64_t k0 = 0; k0 < whole; k0 += at_once)
    for (int r = 0; r < kGroupRows; r += 8)
      for (int64_t k = k0; k < std::min(k0 + at_once, whole); k += 8)
        transpose_halves(stored + size_t(r) * stride + k * 2, stride, out + k * kLine / 2 + 2 * r);
  for (int64_t k = whole; k < cols + cols % 2; k++)
    for (int r = 0; r < kGroupRows; r++) {
      uint16_t h = 0;
      if (r < rows && k < cols) std::memcpy(&h, stored + size_t(r) * stride + k * 2, 2);
      std::memcpy(out + k * kLine / 2 + 2 * r, &h, 2);
    }
}

}  // namespace

size_t group_bytes(Type type, int64_t cols) {
  const quant::Format& format = quant::format_of(type);
  STRATA_CHECK(cols % format.block == 0);
  if (!format.packing.codes)
    return type == Type::f32 ? size_t(cols) * kLine : size_t(cols + 1) / 2 * kLine;
  const Layout& l = format.packing.layout;
  return size_t(cols / layout::kSpan) * span_bytes(l, kSpanBlocks) +
         (cols % layout::kSpan ? span_bytes(l, int(cols % layout::kSpan / layout::kBlock)) : 0);
}

void pack(Type type, const void* stored, int64_t rows, int64_t cols, int64_t group_begin,
          int64_t group_end, uint8_t* packed) {
  const quant::Format& format = quant::format_of(type);
  const size_t stride = row_bytes(type, cols), group = group_bytes(type, cols);
  for (int64_t g = group_begin; g < group_end; g++) {
    const uint8_t* from = static_cast<const uint8_t*>(stored) + size_t(g) * kGroupRows * stride;
    const int n = int(std::min<int64_t>(rows - g * kGroupRows, kGroupRows));
    uint8_t* to = packed + size_t(g) * group;
    if (format.packing.codes) pack_spans(format, from, n, cols, to);
    else if (type == Type::f32) pack_f32(from, n, cols, to);
    else if (type == Type::bf16) pack_bf16(from, n, cols, to);
    else pack_f16(from, n, cols, to);
  }
}

}  // namespace strata::kernel
