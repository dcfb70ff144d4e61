#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/elementwise.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct Add {
  STRATA_METHOD F operator()(F x, F y) const { return x + y; }
};
struct Scale {
  F factor;
  STRATA_METHOD F operator()(F x) const { return x * factor; }
};
struct Softcap {
  F cap, inverse;
  STRATA_METHOD F operator()(F x) const { return cap * tanh(x * inverse); }
};

}  // namespace

static void run_add(const float* a, const float* b, int64_t n, float* out) {
  map2(Add{}, a, b, n, out);
}
static void run_scale(const float* x, float s, int64_t n, float* out) {
  map(Scale{F::set1(s)}, x, n, out);
}
static void run_softcap(const float* x, float cap, int64_t n, float* out) {
  map(Softcap{F::set1(cap), F::set1(1 / cap)}, x, n, out);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void add(const float* a, const float* b, int64_t n, float* out) {
  STRATA_PICK(run_add)(a, b, n, out);
}
void scale(const float* x, float s, int64_t n, float* out) {
  STRATA_PICK(run_scale)(x, s, n, out);
}
void softcap(const float* x, float cap, int64_t n, float* out) {
  STRATA_PICK(run_softcap)(x, cap, n, out);
}

}  // namespace strata::kernel
#endif
