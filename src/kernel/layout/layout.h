// How one packed group (16 rows) lies in memory.
//
// Float types: column by column, the 16 rows side by side: f32 [k][16], f16 [k][16],
// bf16 [k / 2][16][2]; an odd last column of a 16-bit type is padded with zeros.
//
// Quantised types: a sequence of spans of 256 columns (the last may have fewer 32-column blocks).
// A span is a header that holds everything but the codes, then block after block. A b-bit coding
// takes b lines of 64 bytes a block, whatever b is: unpack.h says which bits of which line. A code
// is unsigned; a weight is scale * (code - offset) or scale * code - min, with one scale (and min)
// for each 32 or 16 columns of its row.
//
// Kernels are compiled for a coding, never for a format: what a format adds (its header, its
// codebook) they read at run time, once a span. So most formats need no kernel.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::kernel::layout {

inline constexpr int kLine = 64;         // bytes
inline constexpr int kBlock = 32;        // columns
inline constexpr int kSpan = 256;        // columns
inline constexpr int kSpanBlocks = kSpan / kBlock;

/// What kernels know of codes.
struct Codes {
  int bits = 0;           // lines a block
  int sub = 32;           // columns that share a scale
  int offset = 0;         // 0 or a power of two
  bool min = false;
  bool codebook = false;  // a code of 3 or 4 bits names one of up to 16 unsigned bytes
};

/// The codings that kernels are compiled for: X(name, Codes). The offset of a codebook is 128.
#define STRATA_CODINGS(X)                                                   \
  X(u2, (Codes{.bits = 2, .offset = 1}))                                    \
  X(u2x16_min, (Codes{.bits = 2, .sub = 16, .min = true}))                  \
  X(u3x16, (Codes{.bits = 3, .sub = 16, .offset = 4}))                      \
  X(u3x16_book, (Codes{.bits = 3, .sub = 16, .offset = 128, .codebook = true})) \
  X(u4, (Codes{.bits = 4, .offset = 8}))                                    \
  X(u4_min, (Codes{.bits = 4, .min = true}))                                \
  X(u4_book, (Codes{.bits = 4, .offset = 128, .codebook = true}))           \
  X(u4x16_book, (Codes{.bits = 4, .sub = 16, .offset = 128, .codebook = true})) \
  X(u5, (Codes{.bits = 5, .offset = 16}))                                   \
  X(u5_min, (Codes{.bits = 5, .min = true}))                                \
  X(u6x16, (Codes{.bits = 6, .sub = 16, .offset = 32}))                     \
  X(u8, (Codes{.bits = 8, .offset = 128}))

enum class Coding : uint8_t {
#define STRATA_NAME(name, codes) name,
  STRATA_CODINGS(STRATA_NAME)
#undef STRATA_NAME
};

constexpr Codes codes_of(Coding coding) {
  switch (coding) {
#define STRATA_CODES(name, codes) \
  case Coding::name: return codes;
    STRATA_CODINGS(STRATA_CODES)
#undef STRATA_CODES
  }
  return {};
}

/// What a span starts with. [16] means one value per row, in row order; a line of dwords has one
/// dword per row. Unused bytes are zero.
enum class Header : uint8_t {
  half,        // a block: scale f16[16]
  half_min,    // a block: scale f16[16], min f16[16]
  k2,          // d f16[16], dmin f16[16]; 4 lines of dwords: 16 bytes scale | min << 4
  k3,          // d f16[16]; 3 lines of dwords: 16 six-bit fields scale + 32
  k4,          // d f16[16], dmin f16[16]; 3 lines of dwords: 16 six-bit fields: 8 scales, 8 mins
  k6,          // d f16[16]; 4 lines of dwords: 16 signed bytes
  iq4,         // d f16[16], high scale bits u16[16]; 1 line of dwords: 8 low scale nibbles
  odd,         // d f32[16]; a line of dwords for each 8 scales: nibbles s of d (2 s + 1)
  power,       // for each 4 blocks a line of dwords: bytes e of 2^(e - 128)
  e4m3,        // d f32[16]; for each 4 scales a line of dwords: bytes of d times an E4M3 number
  wide,        // scales f32[16]; with a minimum also zero points z, min = scale z, a byte each in
               // lines of dwords for 4 scales
};

struct Layout {
  Coding coding = Coding::u8;
  Header header = Header::half;
  const uint8_t* codebook = nullptr;   // 16 bytes: what the codes stand for, plus 128
  int scales = 8;                      // a whole span has, where the header leaves it open
};

/// Scales that the first `blocks` blocks of a span need: a scale may serve several of them.
constexpr int scales_of(const Layout& layout, int blocks) {
  return (layout.scales * blocks + kSpanBlocks - 1) / kSpanBlocks;
}
/// Lines of dwords for so many scales, each of 32 / `a_line` bits.
constexpr int scale_lines(const Layout& layout, int blocks, int a_line) {
  return (scales_of(layout, blocks) + a_line - 1) / a_line;
}

/// `blocks` of a span: 1 .. kSpanBlocks.
constexpr size_t header_bytes(const Layout& layout, int blocks) {
  switch (layout.header) {
    case Header::half: return size_t(blocks + 1) / 2 * kLine;
    case Header::half_min: return size_t(blocks) * kLine;
    case Header::k2: return 5 * kLine;
    case Header::k3: return 4 * kLine;
    case Header::k4: return 4 * kLine;
    case Header::k6: return 5 * kLine;
    case Header::iq4: return 2 * kLine;
    case Header::odd: return size_t(1 + scale_lines(layout, blocks, 8)) * kLine;
    case Header::power: return size_t(scale_lines(layout, blocks, 4)) * kLine;
    case Header::e4m3: return size_t(1 + scale_lines(layout, blocks, 4)) * kLine;
    case Header::wide:
      return size_t(scales_of(layout, blocks) +
                    (codes_of(layout.coding).min ? scale_lines(layout, blocks, 4) : 0)) * kLine;
  }
  return 0;
}

constexpr size_t span_bytes(const Layout& layout, int blocks) {
  return header_bytes(layout, blocks) + size_t(blocks) * codes_of(layout.coding).bits * kLine;
}

}  // namespace strata::kernel::layout
