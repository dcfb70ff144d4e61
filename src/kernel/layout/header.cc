#include "kernel/layout/header.h"
#define STRATA_KERNEL "kernel/layout/header.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/layout/line.h"
namespace strata::kernel::STRATA_ISA {

using layout::Header;
using layout::Layout;

static void half(const uint8_t* p, int blocks, float* scale, int step) {
  for (int b = 0; b < blocks; b++) half16(p + 32 * b).store(scale + b * step);
}

static void half_min(const uint8_t* p, int blocks, float* scale, float* min, int step) {
  for (int b = 0; b < blocks; b++) {
    half16(p + kLine * b).store(scale + b * step);
    half16(p + kLine * b + 32).store(min + b * step);
  }
}

static void k2(const uint8_t* p, float* scale, float* min, int step) {
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

static void k3(const uint8_t* p, float* scale, int step) {
  const F d = half16(p);
  I field[16];
  six_bit_fields(p, field);
  STRATA_UNROLL for (int i = 0; i < 16; i++)
    (d * to_f(sub32(field[i], I::set1(32)))).store(scale + i * step);
}

static void k4(const uint8_t* p, float* scale, float* min, int step) {
  const F d = half16(p), d_min = half16(p + 32);
  I field[16];
  six_bit_fields(p, field);
  STRATA_UNROLL for (int i = 0; i < 8; i++) {
    (d * to_f(field[i])).store(scale + i * step);
    (d_min * to_f(field[8 + i])).store(min + i * step);
  }
}

static void k6(const uint8_t* p, float* scale, int step) {
  const F d = half16(p);
  for (int l = 0; l < 4; l++) {
    I v = line(p, 1 + l);
    STRATA_UNROLL for (int i = 4 * l; i < 4 * l + 4; i++, v = shr32<8>(v))
      (d * to_f(sar32<24>(shl32<24>(v)))).store(scale + i * step);
  }
}

static void iq4(const uint8_t* p, float* scale, int step) {
  const F d = half16(p);
  // A bf16 load widens 16 bits to 32, which also serves for integers.
  I high = shr32<16>(as_i(F::load_bf16(reinterpret_cast<const uint16_t*>(p + 32))));
  I low = line(p, 1);
  STRATA_UNROLL for (int b = 0; b < layout::kSpanBlocks; b++) {
    const I s = (low & I::set1(15)) | shl32<4>(high & I::set1(3));
    (d * to_f(sub32(s, I::set1(32)))).store(scale + b * step);
    low = shr32<4>(low);
    high = shr32<2>(high);
  }
}

/// Where scale i of the span goes: to each entry that it serves.
struct Spread {
  float* out;
  int step, times;
  STRATA_METHOD void put(int i, F v) const {
    for (int t = 0; t < times; t++) v.store(out + (i * times + t) * step);
  }
};

// Bytes and nibbles are taken from the low end of a line's dwords.

static void odd(const Layout& l, const uint8_t* p, int blocks, const Spread& scale) {
  const F d = F::load(reinterpret_cast<const float*>(p));
  for (int i = 0; i < layout::scales_of(l, blocks); i += 8) {
    I v = line(p, 1 + i / 8);
    for (int j = i; j < i + 8 && j < l.scales; j++, v = shr32<4>(v))
      scale.put(j, d * to_f(shl32<1>(v & I::set1(15)) | I::set1(1)));
  }
}

static void power(const Layout& l, const uint8_t* p, int blocks, const Spread& scale) {
  for (int i = 0; i < layout::scales_of(l, blocks); i += 4) {
    I v = line(p, i / 4);
    for (int j = i; j < i + 4; j++, v = shr32<8>(v))
      scale.put(j, as_f(shl32<23>(v & I::set1(255))) * F::set1(0.5f));
  }
}

static void e4m3(const Layout& l, const uint8_t* p, int blocks, const Spread& scale) {
  // The bits of an E4M3 number, as those of a float, are 2^-120 of it.
  const F d = F::load(reinterpret_cast<const float*>(p)) * F::set1(0x1p120f);
  for (int i = 0; i < layout::scales_of(l, blocks); i += 4) {
    I v = line(p, 1 + i / 4);
    for (int j = i; j < i + 4; j++, v = shr32<8>(v))
      scale.put(j, d * as_f(shl32<20>(v & I::set1(127))));
  }
}

static void wide(const Layout& l, const uint8_t* p, int blocks, const Spread& scale,
                 const Spread& min) {
  const int n = layout::scales_of(l, blocks);
  const bool has_min = layout::codes_of(l.coding).min;
  I zero = I::zero();
  for (int i = 0; i < n; i++, zero = shr32<8>(zero)) {
    const F d = F::load(reinterpret_cast<const float*>(p + i * kLine));
    scale.put(i, d);
    if (!has_min) continue;
    if (i % 4 == 0) zero = line(p, n + i / 4);
    min.put(i, d * to_f(zero & I::set1(255)));
  }
}

static void read_header(const Layout& l, const uint8_t* p, int blocks, float* scale, float* min,
                        int step) {
  const int times = layout::kSpan / layout::codes_of(l.coding).sub / l.scales;
  const Spread to_scale{scale, step, times}, to_min{min, step, times};
  switch (l.header) {
    case Header::half: return half(p, blocks, scale, step);
    case Header::half_min: return half_min(p, blocks, scale, min, step);
    case Header::k2: return k2(p, scale, min, step);
    case Header::k3: return k3(p, scale, step);
    case Header::k4: return k4(p, scale, min, step);
    case Header::k6: return k6(p, scale, step);
    case Header::iq4: return iq4(p, scale, step);
    case Header::odd: return odd(l, p, blocks, to_scale);
    case Header::power: return power(l, p, blocks, to_scale);
    case Header::e4m3: return e4m3(l, p, blocks, to_scale);
    case Header::wide: return wide(l, p, blocks, to_scale, to_min);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else

namespace strata::kernel::layout {

HeaderReader header_reader() { return STRATA_PICK(read_header); }

}  // namespace strata::kernel::layout
#endif
