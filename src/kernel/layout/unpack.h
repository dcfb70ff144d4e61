// Reads packed codes (layout.h) into vectors: lane r belongs to row r of the group. No include
// guard: once per instruction set, between isa.h and the kernel's own code.
#include "kernel/layout/line.h"
namespace strata::kernel::STRATA_ISA {

using layout::Codes;
using layout::Coding;
using layout::kBlock;
using layout::kSpan;
using layout::kSpanBlocks;
using layout::Layout;

// ---- codes: `bits` lines hold the 32 codes of 16 rows; u[s] is columns 4 s .. 4 s + 3 as bytes.
// Lines are read in order. 32-bit shifts serve where a mask drops what came from the next byte.

template <int bits> struct Code;

// A line: steps at bits 0, 2, 4, 6.
template <> struct Code<2> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    const I three = I::set1_u8(3);
    STRATA_UNROLL for (int i = 0; i < 2; i++) {
      const I v = line(p, i);
      u[4 * i] = v & three;
      u[4 * i + 1] = shr32<2>(v) & three;
      u[4 * i + 2] = shr32<4>(v) & three;
      u[4 * i + 3] = shr32<6>(v) & three;
    }
  }
};

// A line: two steps at bits 0 and 3; the two top bits of the three lines make up steps 6 and 7.
template <> struct Code<3> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    const I three = I::set1_u8(3), four = I::set1_u8(4), seven = I::set1_u8(7);
    const I v0 = line(p, 0), v1 = line(p, 1), v2 = line(p, 2);
    u[0] = v0 & seven;
    u[1] = shr32<3>(v0) & seven;
    u[2] = v1 & seven;
    u[3] = shr32<3>(v1) & seven;
    u[4] = v2 & seven;
    u[5] = shr32<3>(v2) & seven;
    u[6] = or_and(shr32<6>(v0) & three, shr32<4>(v1), four);
    u[7] = or_and(shr32<6>(v2) & three, shr32<5>(v1), four);
  }
};

// Line j: step j low, step 4 + j high.
template <> struct Code<4> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    const I low = I::set1_u8(15);
    STRATA_UNROLL for (int j = 0; j < 4; j++) {
      const I v = line(p, j);
      u[j] = v & low;
      u[4 + j] = shr32<4>(v) & low;
    }
  }
};

// Line 0: bit s is the fifth bit of step s. Then as Code<4>.
template <> struct Code<5> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    const I low = I::set1_u8(15), fifth = I::set1_u8(16), h = line(p, 0);
    const I high[8] = {shl32<4>(h), shl32<3>(h), shl32<2>(h), shl32<1>(h),
                       h,           shr32<1>(h), shr32<2>(h), shr32<3>(h)};
    STRATA_UNROLL for (int j = 0; j < 4; j++) {
      const I v = line(p, 1 + j);
      u[j] = or_and(v & low, high[j], fifth);
      u[4 + j] = or_and(shr32<4>(v) & low, high[4 + j], fifth);
    }
  }
};

// Three lines: a step each in 6 bits; their two top bits make up the fourth step.
template <> struct Code<6> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    const I low = I::set1_u8(63), b0 = I::set1_u8(3), b1 = I::set1_u8(12), b2 = I::set1_u8(48);
    STRATA_UNROLL for (int i = 0; i < 2; i++) {
      const I v0 = line(p, 3 * i), v1 = line(p, 3 * i + 1), v2 = line(p, 3 * i + 2);
      u[4 * i] = v0 & low;
      u[4 * i + 1] = v1 & low;
      u[4 * i + 2] = v2 & low;
      u[4 * i + 3] = or_and(or_and(shr32<6>(v0) & b0, shr32<4>(v1), b1), shr32<2>(v2), b2);
    }
  }
};

template <> struct Code<8> {
  STRATA_INLINE void unpack(const uint8_t* p, I (&u)[8]) {
    STRATA_UNROLL for (int j = 0; j < 8; j++) u[j] = line(p, j);
  }
};

/// What the codes of a layout stand for; unused without a codebook.
template <Coding coding> STRATA_INLINE I codebook(const Layout& l) {
  if constexpr (layout::codes_of(coding).codebook) return I::broadcast16(l.codebook);
  return I::zero();
}

/// The unsigned codes of one block.
template <Coding coding> STRATA_INLINE void unpack_block(const uint8_t* p, I book, I (&u)[8]) {
  constexpr Codes c = layout::codes_of(coding);
  Code<c.bits>::unpack(p, u);
  if constexpr (c.codebook)
    STRATA_UNROLL for (int j = 0; j < 8; j++) u[j] = lookup16(book, u[j]);
}

}  // namespace strata::kernel::STRATA_ISA
