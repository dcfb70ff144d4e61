#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/layer_norm.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct Same {
  STRATA_METHOD F operator()(F x) const { return x; }
};
// E[x^2] - E[x]^2 would lose its digits when the mean is large, hence a pass of its own.
struct SquaredDistance {
  F mean;
  STRATA_METHOD F operator()(F x) const { return (x - mean) * (x - mean); }
};
struct Normalise {
  F mean, factor;
  STRATA_METHOD F operator()(F x) const { return (x - mean) * factor; }
};
struct Multiply {
  STRATA_METHOD F operator()(F x, F y) const { return x * y; }
};
struct Plus {
  STRATA_METHOD F operator()(F x, F y) const { return x + y; }
};

}  // namespace

static void run(const float* x, const float* gain, const float* bias, float eps, int64_t n,
                float* out) {
  const float mean = sum(Same{}, x, n) / float(n);
  const float variance = sum(SquaredDistance{F::set1(mean)}, x, n) / float(n);
  map(Normalise{F::set1(mean), F::set1(1 / __builtin_sqrtf(variance + eps))}, x, n, out);
  if (gain) map2(Multiply{}, out, gain, n, out);
  if (bias) map2(Plus{}, out, bias, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void layer_norm(const float* x, const float* gain, const float* bias, float eps, int64_t n,
                float* out) {
  STRATA_PICK(run)(x, gain, bias, eps, n, out);
}

}  // namespace strata::kernel
#endif
