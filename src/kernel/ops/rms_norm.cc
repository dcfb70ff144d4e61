#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/rms_norm.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct TimesGain {
  F factor, offset;
  STRATA_METHOD F operator()(F x, F gain) const { return x * factor * (gain + offset); }
};

}  // namespace

static void run(const float* x, const float* gain, float eps, float offset, int64_t n, float* out) {
  const float mean = sum(Square{}, x, n) / float(n);
  const F factor = F::set1(1 / __builtin_sqrtf(mean + eps));
  if (gain) map2(TimesGain{factor, F::set1(offset)}, x, gain, n, out);
  else map(Times{factor}, x, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void rms_norm(const float* x, const float* gain, float eps, float offset, int64_t n, float* out) {
  STRATA_PICK(run)(x, gain, eps, offset, n, out);
}

}  // namespace strata::kernel
#endif
