#include "kernel/recurrent.h"
#define STRATA_KERNEL "kernel/recurrent/conv1d.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {
namespace {

// Channels whose weights stay in the first-level cache while the tokens pass.
constexpr int64_t kStripe = 256;

STRATA_INLINE F silu(F x) { return x / (F::set1(1) + exp(neg(x))); }

}  // namespace

// Row of x, or before it of the state.
STRATA_INLINE const float* row(const Conv1d& k, const float* x, int64_t stride, int64_t t) {
  return t < 0 ? k.state + (t + k.taps - 1) * k.channels : x + t * stride;
}

static void run(const Conv1d& k, const float* x, int64_t stride, int64_t n_token, int64_t begin,
                int64_t end, float* y, int64_t y_stride) {
  const int64_t past = k.taps - 1;
  for (int64_t first = begin; first < end; first += kStripe) {
    const int64_t last = first + kStripe < end ? first + kStripe : end;
    for (int64_t t = 0; t < n_token; ++t) {
      for (int64_t c = first; c < last; c += 16) {
        const int n = last - c < 16 ? int(last - c) : 16;
        F sum = k.bias ? F::load(k.bias + c, n) : F::zero();
        for (int64_t j = 0; j < k.taps; ++j) {
          const float* from = row(k, x, stride, t - past + j);
          sum = fma(F::load(k.weight + j * k.channels + c, n), F::load(from + c, n), sum);
        }
        if (k.act == Act::silu) sum = silu(sum);
        sum.store(y + t * y_stride + c, n);
      }
    }
    // Ascending: a row of the state only moves towards the front.
    for (int64_t j = 0; j < past; ++j) {
      const float* from = row(k, x, stride, n_token - past + j);
      __builtin_memmove(k.state + j * k.channels + first, from + first,
                        size_t(last - first) * sizeof(float));
    }
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
#include "base/check.h"
namespace strata::kernel {

void conv1d(const Conv1d& conv, ConstRows x, int64_t n_token, int64_t begin, int64_t end, float* y,
            int64_t y_stride) {
  STRATA_CHECK(conv.act == Act::silu || conv.act == Act::none);
  STRATA_PICK(run)(conv, x.data, x.stride, n_token, begin, end, y, y_stride);
}

}  // namespace strata::kernel
#endif
