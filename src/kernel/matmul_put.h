// The last step of every matmul kernel. No include guard: once per instruction set.
namespace strata::kernel::STRATA_ISA {

/// Rows of group g that exist.
STRATA_INLINE int rows_of(const Share& s, int64_t g) {
  const int64_t left = s.w.rows - g * kGroupRows;
  return left < kGroupRows ? int(left) : kGroupRows;
}

/// y of 16 rows and one token: bias and what is there added as asked.
STRATA_INLINE void put(const Share& s, int64_t g, int64_t token, F v) {
  const int n = rows_of(s, g);
  const int64_t row = g * kGroupRows;
  float* y = s.out.y + token * s.out.stride + row;
  const float* bias = s.out.bias ? s.out.bias + row : nullptr;
  if (n == kGroupRows) {
    if (bias) v = v + F::load(bias);
    if (s.out.accumulate) v = v + F::load(y);
    v.store(y);
  } else {
    if (bias) v = v + F::load(bias, n);
    if (s.out.accumulate) v = v + F::load(y, n);
    v.store(y, n);
  }
}

}  // namespace strata::kernel::STRATA_ISA
