#include "kernel/recurrent.h"
#define STRATA_KERNEL "kernel/recurrent/l2_norm.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {

static void run(const float* x, float eps, float scale, int64_t n, float* out) {
  const float squares = sum(Square{}, x, n);
  map(Times{F::set1(scale / __builtin_sqrtf(squares + eps))}, x, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void l2_norm(const float* x, float eps, float scale, int64_t n, float* out) {
  STRATA_PICK(run)(x, eps, scale, n, out);
}

}  // namespace strata::kernel
#endif
