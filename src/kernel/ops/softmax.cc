#include <cmath>

#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/softmax.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct ExpBelow {   // e^(scale * x - top)
  F scale, top;
  STRATA_METHOD F operator()(F x) const { return exp(x * scale - top); }
};
struct Factor {
  F factor;
  STRATA_METHOD F operator()(F x) const { return x * factor; }
};

}  // namespace

// A vocabulary is long enough for an f32 sum to lose digits: short sums go into an f64 one.
static constexpr int64_t kPiece = 2048;

static double run_sum(const float* x, float scale, float top, int64_t n) {
  const ExpBelow op{F::set1(scale), F::set1(top)};
  double total = 0;
  for (int64_t i = 0; i < n; i += kPiece)
    total += double(sum(op, x + i, n - i < kPiece ? n - i : kPiece));
  return total;
}

static double run_exp_sum(float* x, float top, int64_t n) {
  const ExpBelow op{F::set1(1), F::set1(top)};
  double total = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    const int64_t piece = n - i < kPiece ? n - i : kPiece;
    map(op, x + i, piece, x + i);
    F a = F::zero();
    int64_t j = i;
    for (; j + 16 <= i + piece; j += 16) a = a + F::load(x + j);
    a = a + F::load(x + j, int(i + piece - j));   // the rest, maybe none
    total += double(reduce_add(a));
  }
  return total;
}

static void run_scale(float* x, float factor, int64_t n) {
  map(Factor{F::set1(factor)}, x, n, x);
}

static float run_max(const float* x, float scale, int64_t n) {
  const F s = F::set1(scale), lowest = F::set1(-__builtin_inff());
  F a = lowest, b = lowest;
  int64_t i = 0;
  // max(x, a) gives a where x is NaN.
  for (; i + 32 <= n; i += 32) {
    a = max(F::load(x + i) * s, a);
    b = max(F::load(x + i + 16) * s, b);
  }
  for (; i < n; i += 16) {
    const int rest = n - i < 16 ? int(n - i) : 16;
    a = max(select(M::first(rest), F::load(x + i, rest) * s, lowest), a);
  }
  return reduce_max(max(a, b));
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {
namespace {

// With nothing but -inf every weight is 0 rather than e^(-inf + inf); NaN stays visible.
float finite_or_zero(float top) { return top == -INFINITY ? 0 : top; }

}  // namespace

float max(const float* x, int64_t n) { return STRATA_PICK(run_max)(x, 1, n); }

float softmax(float* x, int64_t n) {
  const float top = finite_or_zero(max(x, n));
  const double sum = STRATA_PICK(run_exp_sum)(x, top, n);
  STRATA_PICK(run_scale)(x, sum == 0 ? 0 : float(1 / sum), n);
  return float(top + std::log(sum));
}

float log_sum_exp(const float* x, float s, int64_t n) {
  const float top = finite_or_zero(STRATA_PICK(run_max)(x, s, n));
  return float(top + std::log(STRATA_PICK(run_sum)(x, s, top, n)));
}

int64_t argmax(const float* x, int64_t n) {
  // The first piece that raises the maximum holds the answer, and is in the cache to be searched.
  constexpr int64_t kPiece = 256;
  float best = -INFINITY;
  int64_t from = 0;
  for (int64_t i = 0; i < n; i += kPiece) {
    const float top = max(x + i, n - i < kPiece ? n - i : kPiece);
    if (top > best) {
      best = top;
      from = i;
    }
  }
  for (int64_t i = from; i < n; ++i)
    if (x[i] == best) return i;
  return 0;
}

}  // namespace strata::kernel
#endif
