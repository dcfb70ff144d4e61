// What every level builds from its own operations; see vec_scalar.h. No include guard.
namespace strata::kernel::STRATA_ISA {

STRATA_INLINE F load_u8_to_f(const uint8_t* p) { return to_f(load_u8_to_i(p)); }
STRATA_INLINE F load_s8_to_f(const int8_t* p) { return to_f(load_s8_to_i(p)); }

STRATA_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }

// e^x = 2^n e^r with |r| <= ln(2) / 2; e^r = 1 + r + r^2 P(r), P minimax, relative error below
// 2^-28. ln(2) is split in two so that x - n ln(2) is exact. Operand order keeps NaN.
STRATA_INLINE F exp(F x) {
  x = min(F::set1(89.0f), max(F::set1(-104.5f), x));
  const I n = round_i(x * F::set1(1.44269504f));
  const F m = to_f(n);
  const F r = fnma(m, F::set1(-2.12194440e-4f), fnma(m, F::set1(0.693359375f), x));
  F p = fma(F::set1(1.395053854e-3f), r, F::set1(8.368918062e-3f));
  p = fma(p, r, F::set1(4.166620509e-2f));
  p = fma(p, r, F::set1(1.666651860e-1f));
  p = fma(p, r, F::set1(5.000000095e-1f));
  return scale_exp2(fma(p, r * r, r) + F::set1(1), n);
}

// Below 0.625 an odd polynomial (minimax in x^2), above 1 - 2 / (e^(2|x|) + 1).
STRATA_INLINE F tanh(F x) {
  const F z = x * x, a = abs(x);
  F p = fma(F::set1(-5.679303845e-3f), z, F::set1(2.061812182e-2f));
  p = fma(p, z, F::set1(-5.373399969e-2f));
  p = fma(p, z, F::set1(1.333138364e-1f));
  p = fma(p, z, F::set1(-3.333328022e-1f));
  const F small = fma(p * z, x, x);
  const F large = F::set1(1) - F::set1(2) / (exp(a + a) + F::set1(1));
  const I sign = as_i(x) & I::set1(int32_t(0x80000000));
  return select(lt(a, F::set1(0.625f)), small, as_f(as_i(large) | sign));
}

}  // namespace strata::kernel::STRATA_ISA
