#include "kernel/attention.h"
#define STRATA_KERNEL "kernel/attention_merge.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

/// e^(partial's maximum - top), or 0 for a partial that saw no position.
static float weight(const float* partial, int pitch, float top) {
  if (partial[pitch + 1] == 0) return 0;
  float lanes[16];
  exp(F::set1(partial[pitch] - top)).store(lanes);
  return lanes[0];
}

static void run(const float* partials, int64_t stride, int n, int d_v, float* out) {
  const int pitch = (d_v + 15) / 16 * 16;
  float top = -__builtin_inff(), sum = 0;
  for (int i = 0; i < n; ++i) {
    const float* partial = partials + i * stride;
    if (partial[pitch + 1] != 0 && !(partial[pitch] < top)) top = partial[pitch];
  }
  for (int i = 0; i < n; ++i) {
    const float* partial = partials + i * stride;
    sum += weight(partial, pitch, top) * partial[pitch + 1];
  }
  for (int at = 0; at < d_v; at += 16) F::zero().store(out + at, d_v - at < 16 ? d_v - at : 16);
  for (int i = 0; i < n; ++i) {
    const float* partial = partials + i * stride;
    const float share = weight(partial, pitch, top);
    if (share == 0) continue;
    const F factor = F::set1(share / sum);
    for (int at = 0; at < d_v; at += 16) {
      const int lanes = d_v - at < 16 ? d_v - at : 16;
      fma(F::load(partial + at), factor, F::load(out + at, lanes)).store(out + at, lanes);
    }
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void attend_merge(const float* partials, int64_t stride, int n, int d_v, float* out) {
  STRATA_PICK(run)(partials, stride, n, d_v, out);
}

}  // namespace strata::kernel
#endif
