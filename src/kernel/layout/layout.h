// How one packed group (16 rows) lies in memory.
//
// Float types: column by column, the 16 rows side by side: f32 [k][16], f16 [k][16],
// bf16 [k / 2][16][2]; an odd last column of a 16-bit type is padded with zeros.
//
// Quantised types: a sequence of spans of 256 columns (the last may have fewer 32-column blocks).
// A span is a header that holds everything but the codes, then block after block. A b-bit format
// takes b lines of 64 bytes a block, whatever b is: unpack.h says which bits of which line. A code
// is unsigned; a weight is scale * (code - offset) or scale * code - min, with one scale (and min)
// for each 32 or 16 columns of its row.
#pragma once
#include "kernel/type.h"

namespace strata::kernel::layout {

inline constexpr int kLine = 64;         // bytes
inline constexpr int kBlock = 32;        // columns
inline constexpr int kSpan = 256;        // columns
inline constexpr int kSpanBlocks = kSpan / kBlock;

/// What a span starts with. [16] means one value per row, in row order; a line of dwords has one
/// dword per row. Unused bytes are zero.
enum class Header : uint8_t {
  none,
  half,        // a block: scale f16[16]
  half_min,    // a block: scale f16[16], min f16[16]
  k2,          // d f16[16], dmin f16[16]; 4 lines of dwords: 16 bytes scale | min << 4
  k3,          // d f16[16]; 3 lines of dwords: 16 six-bit fields scale + 32
  k4,          // d f16[16], dmin f16[16]; 3 lines of dwords: 16 six-bit fields: 8 scales, 8 mins
  k6,          // d f16[16]; 4 lines of dwords: 16 signed bytes
  iq4,         // d f16[16], high scale bits u16[16]; 1 line of dwords: 8 low scale nibbles
};

struct Layout {
  Header header = Header::none;
  int bits = 0;        // of a code: lines a block
  int sub = 32;        // columns that share a scale
  int offset = 0;      // 0 or a power of two
  bool min = false;
  bool codebook = false;  // 4-bit codes name one of 16 unsigned bytes
};

constexpr Layout layout_of(Type type) {
  switch (type) {
    case Type::q8_0: return {.header = Header::half, .bits = 8, .offset = 128};
    case Type::q4_0: return {.header = Header::half, .bits = 4, .offset = 8};
    case Type::q4_1: return {.header = Header::half_min, .bits = 4, .min = true};
    case Type::q5_0: return {.header = Header::half, .bits = 5, .offset = 16};
    case Type::q5_1: return {.header = Header::half_min, .bits = 5, .min = true};
    case Type::q2_k: return {.header = Header::k2, .bits = 2, .sub = 16, .min = true};
    case Type::q3_k: return {.header = Header::k3, .bits = 3, .sub = 16, .offset = 4};
    case Type::q4_k: return {.header = Header::k4, .bits = 4, .min = true};
    case Type::q5_k: return {.header = Header::k4, .bits = 5, .min = true};
    case Type::q6_k: return {.header = Header::k6, .bits = 6, .sub = 16, .offset = 32};
    case Type::iq4_nl: return {.header = Header::half, .bits = 4, .offset = 128, .codebook = true};
    case Type::iq4_xs: return {.header = Header::iq4, .bits = 4, .offset = 128, .codebook = true};
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
  }
  return {};
}

constexpr size_t header_bytes(Header header, int blocks) {
  switch (header) {
    case Header::none: return 0;
    case Header::half: return size_t(blocks + 1) / 2 * kLine;
    case Header::half_min: return size_t(blocks) * kLine;
    case Header::k2: return 5 * kLine;
    case Header::k3: return 4 * kLine;
    case Header::k4: return 4 * kLine;
    case Header::k6: return 5 * kLine;
    case Header::iq4: return 2 * kLine;
  }
  return 0;
}

constexpr size_t span_bytes(const Layout& layout, int blocks) {
  return header_bytes(layout.header, blocks) + size_t(blocks) * layout.bits * kLine;
}

/// The values of IQ4_NL's and IQ4_XS's codes plus 128.
alignas(16) inline constexpr uint8_t kCodebook[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                                      129, 141, 153, 166, 181, 197, 217, 241};

}  // namespace strata::kernel::layout
