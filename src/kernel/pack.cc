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
    else pack_half(from, n, cols, type == Type::bf16, to);
  }
}

}  // namespace strata::kernel
