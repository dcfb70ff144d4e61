#include "kernel/experts.h"
#define STRATA_KERNEL "kernel/ops/expert_ops.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct AddScaled {
  F factor;
  STRATA_METHOD F operator()(F x, F y) const { return fma(x, factor, y); }
};

// min and max in this order keep NaN.
struct ClampedGate {
  F alpha, limit;
  STRATA_METHOD F operator()(F gate, F up) const {
    const F g = min(limit, gate), u = min(limit, max(neg(limit), up));
    return g / (F::set1(1) + exp(neg(alpha * g))) * (u + F::set1(1));
  }
};

}  // namespace

static void run_add_scaled(const float* x, float s, int64_t n, float* y) {
  map2(AddScaled{F::set1(s)}, x, y, n, y);
}

static void run_clamped(const float* gate, const float* up, float alpha, float limit, int64_t n,
                        float* out) {
  map2(ClampedGate{F::set1(alpha), F::set1(limit)}, gate, up, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void add_scaled(const float* x, float s, int64_t n, float* y) {
  STRATA_PICK(run_add_scaled)(x, s, n, y);
}

void clamped_glu(const float* gate, const float* up, float alpha, float limit, int64_t n,
                 float* out) {
  STRATA_PICK(run_clamped)(gate, up, alpha, limit, n, out);
}

}  // namespace strata::kernel
#endif
