#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernel/layout/layout.h"
#include "kernel/matmul.h"

namespace strata::kernel {
namespace {

using layout::Header;
using layout::kLine;
using layout::kSpanBlocks;
using layout::Layout;

constexpr uint32_t bytes(uint32_t b) { return b * 0x01010101u; }

uint32_t word(const uint8_t* p, int j) {
  uint32_t w;
  std::memcpy(&w, p + 4 * j, 4);
  return w;
}

/// Bits 0..3 of x as bit 4 of four bytes.
uint32_t spread(uint32_t x) { return ((x & 15) * 0x00204081u & bytes(1)) << 4; }

// The 32 codes of block b of a span as eight words of four columns; p is the span as stored.
void codes(Type type, const uint8_t* p, int b, uint32_t (&u)[8]) {
  const int half = b / 4, quarter = b % 4;
  switch (type) {
    case Type::q8_0:
      p += 34 * b + 2;
      for (int j = 0; j < 8; j++) u[j] = word(p, j) ^ bytes(0x80);
      return;
    case Type::q4_0:
    case Type::q4_1:
    case Type::iq4_nl:
    case Type::iq4_xs:
      p += type == Type::q4_1 ? 20 * b + 4 : type == Type::iq4_xs ? 16 * b + 8 : 18 * b + 2;
      for (int j = 0; j < 4; j++) {
        u[j] = word(p, j) & bytes(15);
        u[4 + j] = word(p, j) >> 4 & bytes(15);
      }
      return;
    case Type::q5_0:
    case Type::q5_1: {
      p += type == Type::q5_1 ? 24 * b + 4 : 22 * b + 2;
      const uint32_t high = word(p, 0);
      for (int j = 0; j < 4; j++) {
        u[j] = (word(p, 1 + j) & bytes(15)) | spread(high >> 4 * j);
        u[4 + j] = (word(p, 1 + j) >> 4 & bytes(15)) | spread(high >> (16 + 4 * j));
      }
      return;
    }
    case Type::q2_k:
      for (int j = 0; j < 8; j++) u[j] = word(p + 16 + 32 * half, j) >> 2 * quarter & bytes(3);
      return;
    case Type::q3_k:
      for (int j = 0; j < 8; j++)
        u[j] = (word(p + 32 + 32 * half, j) >> 2 * quarter & bytes(3)) |
               (word(p, j) >> b & bytes(1)) << 2;
      return;
    case Type::q4_k:
      for (int j = 0; j < 8; j++) u[j] = word(p + 16 + 32 * (b / 2), j) >> 4 * (b % 2) & bytes(15);
      return;
    case Type::q5_k:
      for (int j = 0; j < 8; j++)
        u[j] = (word(p + 48 + 32 * (b / 2), j) >> 4 * (b % 2) & bytes(15)) |
               (word(p + 16, j) >> b & bytes(1)) << 4;
      return;
    case Type::q6_k:
      for (int j = 0; j < 8; j++)
        u[j] = (word(p + 64 * half + 32 * (b % 2), j) >> 4 * (quarter / 2) & bytes(15)) |
               (word(p + 128 + 32 * half, j) >> 2 * quarter & bytes(3)) << 4;
      return;
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
  }
  STRATA_CHECK(false);
}

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

// One row's part of a span's header.
struct HeaderRow {
  uint8_t* out;
  int row;

  void half(int at, const uint8_t* from, uint16_t flip = 0) const {
    uint16_t h;
    std::memcpy(&h, from, 2);
    h ^= flip;
    std::memcpy(out + at + 2 * row, &h, 2);
  }
  void dword(int line, uint32_t w) const { std::memcpy(out + line * kLine + 4 * row, &w, 4); }

  /// Sixteen 6-bit fields in lines 1 to 3: five a dword, the last in the top bits of all three.
  void six(const uint8_t (&field)[16]) const {
    for (int l = 0; l < 3; l++) {
      uint32_t w = uint32_t(field[15] >> 2 * l & 3) << 30;
      for (int i = 0; i < 5; i++) w |= uint32_t(field[5 * l + i]) << 6 * i;
      dword(1 + l, w);
    }
  }
};

constexpr uint16_t kSign = 0x8000;

void header(Type type, const uint8_t* p, int blocks, const HeaderRow& to) {
  uint8_t field[16];
  switch (type) {
    case Type::q8_0:
    case Type::q4_0:
    case Type::q5_0:
    case Type::iq4_nl:
      for (int b = 0; b < blocks; b++) to.half(32 * b, p + info(type).bytes * b);
      return;
    case Type::q4_1:
    case Type::q5_1:
      // In these the minimum is added; every packed minimum is subtracted.
      for (int b = 0; b < blocks; b++) {
        to.half(kLine * b, p + info(type).bytes * b);
        to.half(kLine * b + 32, p + info(type).bytes * b + 2, kSign);
      }
      return;
    case Type::q2_k:
      to.half(0, p + 80);
      to.half(32, p + 82);
      for (int l = 0; l < 4; l++) to.dword(1 + l, word(p, l));
      return;
    case Type::q3_k:
      to.half(0, p + 108);
      for (int i = 0; i < 16; i++)
        field[i] = (p[96 + i % 8] >> 4 * (i / 8) & 15) | (p[104 + i % 4] >> 2 * (i / 4) & 3) << 4;
      to.six(field);
      return;
    case Type::q4_k:
    case Type::q5_k:
      to.half(0, p);
      to.half(32, p + 2);
      for (int i = 0; i < 4; i++) {
        field[i] = p[4 + i] & 63;
        field[8 + i] = p[8 + i] & 63;
        field[4 + i] = (p[12 + i] & 15) | (p[4 + i] >> 6) << 4;
        field[12 + i] = p[12 + i] >> 4 | (p[8 + i] >> 6) << 4;
      }
      to.six(field);
      return;
    case Type::q6_k:
      to.half(0, p + 208);
      for (int l = 0; l < 4; l++) to.dword(1 + l, word(p + 192, l));
      return;
    case Type::iq4_xs:
      to.half(0, p);
      to.half(32, p + 2);
      to.dword(1, word(p + 4, 0));
      return;
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
  }
  STRATA_CHECK(false);
}

void pack_quantised(Type type, const uint8_t* stored, int rows, int64_t cols, uint8_t* out) {
  const Layout l = layout::layout_of(type);
  const size_t stride = row_bytes(type, cols);
  for (int64_t col = 0; col < cols; col += layout::kSpan) {
    const int blocks = int(std::min<int64_t>(cols - col, layout::kSpan) / layout::kBlock);
    const size_t head = header_bytes(l.header, blocks), size = span_bytes(l, blocks);
    std::memset(out, 0, rows == kGroupRows ? head : size);
    for (int r = 0; r < rows; r++) {
      const uint8_t* p = stored + r * stride + row_bytes(type, col);
      header(type, p, blocks, {out, r});
      for (int b = 0; b < blocks; b++) {
        uint32_t u[8], line[8];
        codes(type, p, b, u);
        merge(l.bits, u, line);
        uint8_t* to = out + head + size_t(b) * l.bits * kLine + 4 * r;
        for (int i = 0; i < l.bits; i++) std::memcpy(to + i * kLine, &line[i], 4);
      }
    }
    out += size;
  }
}

void pack_f32(const uint8_t* stored, int rows, int64_t cols, uint8_t* out) {
  for (int64_t k = 0; k < cols; k++, out += kLine)
    for (int r = 0; r < kGroupRows; r++) {
      const uint32_t w = r < rows ? word(stored + (r * cols + k) * 4, 0) : 0;
      std::memcpy(out + 4 * r, &w, 4);
    }
}

void pack_half(const uint8_t* stored, int rows, int64_t cols, bool pairs, uint8_t* out) {
  for (int64_t k = 0; k < cols + cols % 2; k++)
    for (int r = 0; r < kGroupRows; r++) {
      uint16_t h = 0;
      if (r < rows && k < cols) std::memcpy(&h, stored + (r * cols + k) * 2, 2);
      std::memcpy(out + (pairs ? k / 2 * kLine + 4 * r + k % 2 * 2 : k * kLine / 2 + 2 * r), &h, 2);
    }
}

}  // namespace

size_t group_bytes(Type type, int64_t cols) {
  switch (type) {
    case Type::f32: return size_t(cols) * kLine;
    case Type::f16:
    case Type::bf16: return size_t(cols + 1) / 2 * kLine;
    default: break;
  }
  STRATA_CHECK(cols % info(type).block == 0);
  const Layout l = layout::layout_of(type);
  return size_t(cols / layout::kSpan) * span_bytes(l, kSpanBlocks) +
         (cols % layout::kSpan ? span_bytes(l, int(cols % layout::kSpan / layout::kBlock)) : 0);
}

void pack(Type type, const void* stored, int64_t rows, int64_t cols, int64_t group_begin,
          int64_t group_end, uint8_t* packed) {
  const size_t stride = row_bytes(type, cols), group = group_bytes(type, cols);
  for (int64_t g = group_begin; g < group_end; g++) {
    const uint8_t* from = static_cast<const uint8_t*>(stored) + size_t(g) * kGroupRows * stride;
    const int n = int(std::min<int64_t>(rows - g * kGroupRows, kGroupRows));
    uint8_t* to = packed + size_t(g) * group;
    if (type == Type::f32) pack_f32(from, n, cols, to);
    else if (!info(type).quantised) pack_half(from, n, cols, type == Type::bf16, to);
    else pack_quantised(type, from, n, cols, to);
  }
}

}  // namespace strata::kernel
