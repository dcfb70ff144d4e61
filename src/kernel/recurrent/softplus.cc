#include "kernel/recurrent.h"
#define STRATA_KERNEL "kernel/recurrent/softplus.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/recurrent/softplus.h"

namespace strata::kernel::STRATA_ISA {

static void run(const float* x, const float* bias, const float* gain, float low, float high,
                int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += 16) {
    const int lanes = n - i < 16 ? int(n - i) : 16;
    F in = F::load(x + i, lanes);
    if (bias) in = in + F::load(bias + i, lanes);
    F y = min(F::set1(high), max(F::set1(low), softplus(in)));
    if (gain) y = y * F::load(gain + i, lanes);
    y.store(out + i, lanes);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void softplus(const float* x, const float* bias, const float* gain, float low, float high,
              int64_t n, float* out) {
  STRATA_PICK(run)(x, bias, gain, low, high, n, out);
}

}  // namespace strata::kernel
#endif
