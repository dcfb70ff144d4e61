// Writes one row's part of a span's header (layout.h), for the packing of a format.
#pragma once
#include <cstdint>
#include <cstring>

#include "kernel/layout/layout.h"

namespace strata::kernel::layout {

struct HeaderRow {
  uint8_t* out;   // the span, zeroed up to its codes
  int row;

  /// The row's entry of 16 halves that begin at byte `at`.
  void half(int at, uint16_t h) const { std::memcpy(out + at + 2 * row, &h, 2); }
  void dword(int line, uint32_t w) const { std::memcpy(out + line * kLine + 4 * row, &w, 4); }
  void byte(int line, int i, uint8_t b) const { out[line * kLine + 4 * row + i] = b; }
  void f32(int line, float f) const { std::memcpy(out + line * kLine + 4 * row, &f, 4); }

  /// Sixteen 6-bit fields in lines 1 to 3: five a dword, the last in the top bits of all three.
  void six(const uint8_t (&field)[16]) const {
    for (int l = 0; l < 3; l++) {
      uint32_t w = uint32_t(field[15] >> 2 * l & 3) << 30;
      for (int i = 0; i < 5; i++) w |= uint32_t(field[5 * l + i]) << 6 * i;
      dword(1 + l, w);
    }
  }
};

}  // namespace strata::kernel::layout
