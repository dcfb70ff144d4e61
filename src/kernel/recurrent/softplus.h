// softplus of a vector. No include guard: once per level, inside the level's part of a kernel file.
namespace strata::kernel::STRATA_ISA {

/// max(x, 0) + log(1 + y), y = e^-|x|: with s = y / (2 + y), log(1 + y) = 2 atanh(s) and s <= 1/3,
/// so that the series to s^15 is exact to 2^-27.
STRATA_INLINE F softplus(F x) {
  const F y = exp(neg(abs(x)));
  const F s = y / (y + F::set1(2));
  const F z = s * s;
  F p = fma(z, F::set1(1.0f / 15), F::set1(1.0f / 13));
  p = fma(p, z, F::set1(1.0f / 11));
  p = fma(p, z, F::set1(1.0f / 9));
  p = fma(p, z, F::set1(1.0f / 7));
  p = fma(p, z, F::set1(1.0f / 5));
  p = fma(p, z, F::set1(1.0f / 3));
  const F log = F::set1(2) * fma(p * z, s, s);
  return max(F::zero(), x) + log;
}

}  // namespace strata::kernel::STRATA_ISA
