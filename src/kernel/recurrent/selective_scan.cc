#include "base/check.h"
#include "kernel/recurrent.h"
#define STRATA_KERNEL "kernel/recurrent/selective_scan.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/recurrent/softplus.h"

namespace strata::kernel::STRATA_ISA {

// 16 channels through all tokens: their part of the state stays in the first-level cache.
static void run(const SelectiveScan& s, const ConstRows& x, const ConstRows& dt, const ConstRows& b,
                const ConstRows& c, int64_t n_token, int64_t begin, int64_t end, float* y,
                int64_t y_stride) {
  float h[kScanStateMax * 16], a[kScanStateMax * 16];
  for (int64_t at = begin; at < end; at += 16) {
    const int n = end - at < 16 ? int(end - at) : 16;
    for (int i = 0; i < s.d_state; ++i) {
      F::load(s.state + i * s.channels + at, n).store(h + i * 16);
      F::load(s.a + i * s.channels + at, n).store(a + i * 16);
    }
    const F d = F::load(s.d + at, n);
    for (int64_t t = 0; t < n_token; ++t) {
      const F in = F::load(x.data + t * x.stride + at, n);
      const F step = softplus(F::load(dt.data + t * dt.stride + at, n));
      const F change = step * in;
      const float *bt = b.data + t * b.stride, *ct = c.data + t * c.stride;
      F out = d * in;
      for (int i = 0; i < s.d_state; ++i) {
        const F fade = exp(step * F::load(a + i * 16));
        const F now = fma(fade, F::load(h + i * 16), change * F::set1(bt[i]));
        now.store(h + i * 16);
        out = fma(now, F::set1(ct[i]), out);
      }
      out.store(y + t * y_stride + at, n);
    }
    for (int i = 0; i < s.d_state; ++i) F::load(h + i * 16).store(s.state + i * s.channels + at, n);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void selective_scan(const SelectiveScan& scan, ConstRows x, ConstRows dt, ConstRows b, ConstRows c,
                    int64_t n_token, int64_t begin, int64_t end, float* y, int64_t y_stride) {
  STRATA_CHECK(scan.d_state <= kScanStateMax);
  STRATA_PICK(run)(scan, x, dt, b, c, n_token, begin, end, y, y_stride);
}

}  // namespace strata::kernel
#endif
