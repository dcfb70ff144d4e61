#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/clamp.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct Clamp {
  F low, high;
  // min and max give their second argument for NaN.
  STRATA_METHOD F operator()(F x) const { return min(high, max(low, x)); }
};

}  // namespace

static void run_clamp(const float* x, float limit, int64_t n, float* out) {
  map(Clamp{F::set1(-limit), F::set1(limit)}, x, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void clamp(const float* x, float limit, int64_t n, float* out) {
  STRATA_PICK(run_clamp)(x, limit, n, out);
}

}  // namespace strata::kernel
#endif
