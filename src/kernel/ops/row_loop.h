// Loops over a row of floats, 16 at a time and a masked rest. No include guard: once per level,
// inside the level's part of a kernel file. An operation is a struct whose operator() maps F to F.
namespace strata::kernel::STRATA_ISA {

namespace {

// Operations of several kernels.
struct Square {
  STRATA_METHOD F operator()(F x) const { return x * x; }
};
struct Times {
  F factor;
  STRATA_METHOD F operator()(F x) const { return x * factor; }
};

}  // namespace

/// out[i] = op(x[i])
template <class Op>
STRATA_INLINE void map(Op op, const float* x, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) op(F::load(x + i)).store(out + i);
  if (i < n) op(F::load(x + i, int(n - i))).store(out + i, int(n - i));
}

/// out[i] = op(x[i], y[i])
template <class Op>
STRATA_INLINE void map2(Op op, const float* x, const float* y, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) op(F::load(x + i), F::load(y + i)).store(out + i);
  if (i < n) {
    const int rest = int(n - i);
    op(F::load(x + i, rest), F::load(y + i, rest)).store(out + i, rest);
  }
}

/// Sum of op(x[i]). Four chains, so that additions overlap.
template <class Op>
STRATA_INLINE float sum(Op op, const float* x, int64_t n) {
  F a = F::zero(), b = F::zero(), c = F::zero(), d = F::zero();
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    a = a + op(F::load(x + i));
    b = b + op(F::load(x + i + 16));
    c = c + op(F::load(x + i + 32));
    d = d + op(F::load(x + i + 48));
  }
  for (; i + 16 <= n; i += 16) a = a + op(F::load(x + i));
  if (i < n) {
    const int rest = int(n - i);
    b = b + select(M::first(rest), op(F::load(x + i, rest)), F::zero());
  }
  return reduce_add((a + b) + (c + d));
}

}  // namespace strata::kernel::STRATA_ISA
