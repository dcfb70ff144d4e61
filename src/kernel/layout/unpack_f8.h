// Eight-bit floats: a line holds four columns. No include guard: once per instruction set, after
// unpack.h.
namespace strata::kernel::STRATA_ISA {

/// Byte i of each lane, a number of eight bits with `mantissa` of them, times 2^-120 (E5M2:
/// 2^-112): its bits at the place of a float's.
template <int mantissa, int i> STRATA_INLINE F f8_bits(I v) {
  constexpr int down = mantissa == 3 ? 4 : 3;
  const I keep = I::set1(mantissa == 3 ? int32_t(0x87f00000) : int32_t(0x8fe00000));
  return as_f(sar32<down>(shl32<24 - 8 * i>(v)) & keep);
}
template <int mantissa> STRATA_INLINE void f8_four(const uint8_t* p, int j, F (&w)[4]) {
  const F one = F::set1(mantissa == 3 ? 0x1p120f : 0x1p112f);
  const I v = line(p, j);
  w[0] = f8_bits<mantissa, 0>(v) * one;
  w[1] = f8_bits<mantissa, 1>(v) * one;
  w[2] = f8_bits<mantissa, 2>(v) * one;
  w[3] = f8_bits<mantissa, 3>(v) * one;
}

}  // namespace strata::kernel::STRATA_ISA
