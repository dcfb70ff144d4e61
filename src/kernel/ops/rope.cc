#include "base/check.h"
#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/rope.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

static void run_halves(float* x, int n_head, int d_head, int d_rope, const float* cos,
                       const float* sin) {
  const int half = d_rope / 2;
  for (float* head = x; head < x + int64_t(n_head) * d_head; head += d_head) {
    int i = 0;
    for (; i + 16 <= half; i += 16) {
      const F a = F::load(head + i), b = F::load(head + half + i);
      const F c = F::load(cos + i), s = F::load(sin + i);
      fnma(b, s, a * c).store(head + i);
      fma(a, s, b * c).store(head + half + i);
    }
    if (const int rest = half - i; rest > 0) {
      const F a = F::load(head + i, rest), b = F::load(head + half + i, rest);
      const F c = F::load(cos + i, rest), s = F::load(sin + i, rest);
      fnma(b, s, a * c).store(head + i, rest);
      fma(a, s, b * c).store(head + half + i, rest);
    }
  }
}

// Lanes of a vector never meet in our vector types, but the compiler vectorises this shape itself.
static void run_pairs(float* x, int n_head, int d_head, int d_rope, const float* cos,
                      const float* sin) {
  for (int h = 0; h < n_head; ++h) {
    float* __restrict head = x + int64_t(h) * d_head;
    for (int i = 0; i < d_rope / 2; ++i) {
      const float a = head[2 * i], b = head[2 * i + 1];
      head[2 * i] = a * cos[i] - b * sin[i];
      head[2 * i + 1] = b * cos[i] + a * sin[i];
    }
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void rope(float* x, int n_head, int d_head, int d_rope, const float* cos, const float* sin,
          bool interleaved) {
  STRATA_CHECK(d_rope % 2 == 0 && d_rope <= d_head);
  if (interleaved) STRATA_PICK(run_pairs)(x, n_head, d_head, d_rope, cos, sin);
  else STRATA_PICK(run_halves)(x, n_head, d_head, d_rope, cos, sin);
}

}  // namespace strata::kernel
#endif
