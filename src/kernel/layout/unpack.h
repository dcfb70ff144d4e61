// Reads packed spans (layout.h) into vectors: lane r belongs to row r of the group. No include
// guard: once per instruction set, between isa.h and the kernel's own code.
namespace strata::kernel::STRATA_ISA {

using layout::Header;
using layout::kBlock;
using layout::kLine;
using layout::kSpan;
using layout::kSpanBlocks;
using layout::Layout;

STRATA_INLINE I line(const uint8_t* p, int i) { return I::load_once(p + i * kLine); }
STRATA_INLINE F half16(const uint8_t* p) {
  return F::load_f16(reinterpret_cast<const uint16_t*>(p));
}

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

/// The unsigned codes of one block.
template <Type type> STRATA_INLINE void unpack_block(const uint8_t* p, I (&u)[8]) {
  constexpr Layout l = layout::layout_of(type);
  Code<l.bits>::unpack(p, u);
  if constexpr (l.codebook) {
    const I table = I::broadcast16(layout::kCodebook);
    STRATA_UNROLL for (int j = 0; j < 8; j++) u[j] = lookup16(table, u[j]);
  }
}

// ---- headers: scale[i * step], min[i * step] (16 floats each) of every 32 or 16 columns i.

template <Header header> struct Head;

template <> struct Head<Header::half> {
  STRATA_INLINE void unpack(const uint8_t* p, int blocks, float* scale, float*, int step) {
    for (int b = 0; b < blocks; b++) half16(p + 32 * b).store(scale + b * step);
  }
};

template <> struct Head<Header::half_min> {
  STRATA_INLINE void unpack(const uint8_t* p, int blocks, float* scale, float* min, int step) {
    for (int b = 0; b < blocks; b++) {
      half16(p + kLine * b).store(scale + b * step);
      half16(p + kLine * b + 32).store(min + b * step);
    }
  }
};

template <> struct Head<Header::k2> {
  STRATA_INLINE void unpack(const uint8_t* p, int, float* scale, float* min, int step) {
    const F d = half16(p), d_min = half16(p + 32);
    const I low = I::set1(15);
    for (int l = 0; l < 4; l++) {
      I v = line(p, 1 + l);
      STRATA_UNROLL for (int i = 4 * l; i < 4 * l + 4; i++, v = shr32<8>(v)) {
        (d * to_f(v & low)).store(scale + i * step);
        (d_min * to_f(shr32<4>(v) & low)).store(min + i * step);
      }
    }
  }
};

/// The sixteen 6-bit fields of lines 1 to 3.
STRATA_INLINE void six_bit_fields(const uint8_t* p, I (&field)[16]) {
  const I mask = I::set1(63);
  STRATA_UNROLL for (int l = 0; l < 3; l++) {
    const I v = line(p, 1 + l);
    field[5 * l] = v & mask;
    field[5 * l + 1] = shr32<6>(v) & mask;
    field[5 * l + 2] = shr32<12>(v) & mask;
    field[5 * l + 3] = shr32<18>(v) & mask;
    field[5 * l + 4] = shr32<24>(v) & mask;
    const I top = shr32<30>(v);
    field[15] = l == 0 ? top : l == 1 ? field[15] | shl32<2>(top) : field[15] | shl32<4>(top);
  }
}

template <> struct Head<Header::k3> {
  STRATA_INLINE void unpack(const uint8_t* p, int, float* scale, float*, int step) {
    const F d = half16(p);
    I field[16];
    six_bit_fields(p, field);
    STRATA_UNROLL for (int i = 0; i < 16; i++)
      (d * to_f(sub32(field[i], I::set1(32)))).store(scale + i * step);
  }
};

template <> struct Head<Header::k4> {
  STRATA_INLINE void unpack(const uint8_t* p, int, float* scale, float* min, int step) {
    const F d = half16(p), d_min = half16(p + 32);
    I field[16];
    six_bit_fields(p, field);
    STRATA_UNROLL for (int i = 0; i < 8; i++) {
      (d * to_f(field[i])).store(scale + i * step);
      (d_min * to_f(field[8 + i])).store(min + i * step);
    }
  }
};

template <> struct Head<Header::k6> {
  STRATA_INLINE void unpack(const uint8_t* p, int, float* scale, float*, int step) {
    const F d = half16(p);
    for (int l = 0; l < 4; l++) {
      I v = line(p, 1 + l);
      STRATA_UNROLL for (int i = 4 * l; i < 4 * l + 4; i++, v = shr32<8>(v))
        (d * to_f(sar32<24>(shl32<24>(v)))).store(scale + i * step);
    }
  }
};

template <> struct Head<Header::iq4> {
  STRATA_INLINE void unpack(const uint8_t* p, int, float* scale, float*, int step) {
    const F d = half16(p);
    // A bf16 load widens 16 bits to 32, which also serves for integers.
    I high = shr32<16>(as_i(F::load_bf16(reinterpret_cast<const uint16_t*>(p + 32))));
    I low = line(p, 1);
    STRATA_UNROLL for (int b = 0; b < kSpanBlocks; b++) {
      const I s = (low & I::set1(15)) | shl32<4>(high & I::set1(3));
      (d * to_f(sub32(s, I::set1(32)))).store(scale + b * step);
      low = shr32<4>(low);
      high = shr32<2>(high);
    }
  }
};

}  // namespace strata::kernel::STRATA_ISA
