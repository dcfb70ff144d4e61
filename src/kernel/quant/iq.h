// What the IQ1, IQ2 and IQ3 formats share: 256 values x = d (2 s + 1) level[c], with small integers
// s for each 32 or 16 values. The codes c of eight neighbours come from a grid of the combinations
// that occur, and from eight sign bits.
//
// A block type B has
//     static constexpr int kScales             how many s: 8 or 16
//     static const int8_t kLevels[16]          what codes stand for
//     float d() const                          of the formula
//     int scale(int i) const                   s of group i, below 16
//     void eight(int g, uint8_t* code) const   the codes of values 8 g .. 8 g + 7
#pragma once
#include "kernel/quant/format.h"
#include "kernel/quant/levels.h"
#include "kernel/quant_grid.h"

namespace strata::kernel::quant {

/// Three-bit codes of IQ2: an entry's level, and 4 for a negative value. IQ1 alike.
inline void codes_of_entry(uint16_t entry, uint8_t negative, uint8_t* code) {
  for (int i = 0; i < 8; ++i)
    code[i] = uint8_t((entry >> 2 * i & 3) | (negative >> i & 1) << 2);
}
/// Four-bit codes of IQ3: the levels of two entries, and 8 for a negative value.
inline void codes_of_entries(uint16_t first, uint16_t second, uint8_t negative, uint8_t* code) {
  for (int i = 0; i < 8; ++i) {
    const int level = (i < 4 ? first : second) >> 3 * (i % 4) & 7;
    code[i] = uint8_t(level | (negative >> i & 1) << 3);
  }
}

/// The eight signs of which seven are stored: the number of negative values is even.
inline uint8_t even_signs(uint32_t seven) {
  seven &= 127;
  return uint8_t(seven | uint32_t(__builtin_parity(seven)) << 7);
}

inline constexpr int8_t kIq2Levels[16] = {8, 25, 43, 0, -8, -25, -43, 0};
/// Eighths of -1, 0 and 1 with an eighth added (codes 0 .. 2) or taken away (4 .. 6).
inline constexpr int8_t kIq1Levels[16] = {-7, 1, 9, 0, -9, -1, 7, 0};

template <class B> void iq_to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b) {
    const B block = read<B>(stored, b);
    for (int g = 0; g < 32; ++g, out += 8) {
      const float scale = block.d() * float(2 * block.scale(g * B::kScales / 32) + 1);
      uint8_t code[8];
      block.eight(g, code);
      for (int i = 0; i < 8; ++i) out[i] = scale * float(B::kLevels[code[i]]);
    }
  }
}

template <class B> void iq_codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const B block = read<B>(span, 0);
  for (int g = 0; g < 4 * blocks; ++g) {
    uint8_t code[8];
    block.eight(g, code);
    std::memcpy(&u[g / 4][g % 4 * 2], code, 8);
  }
}

template <class B> void iq_scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  const B block = read<B>(span, 0);
  to.f32(0, block.d());
  for (int l = 0; l < B::kScales / 8; ++l) {
    uint32_t nibbles = 0;
    for (int i = 0; i < 8; ++i) nibbles |= uint32_t(block.scale(8 * l + i)) << 4 * i;
    to.dword(1 + l, nibbles);
  }
}

template <class B> inline constexpr Codebook kIqBook{B::kLevels, 16};

/// `coding` u3x16_book for codes of three bits, u4_book for four (then kScales is 8).
template <class B> constexpr Packing iq_packing(layout::Coding coding) {
  return {{coding, layout::Header::odd, kIqBook<B>.value, B::kScales}, iq_codes<B>, iq_scales<B>};
}

}  // namespace strata::kernel::quant
