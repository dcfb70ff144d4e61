#include "base/check.h"
#include "kernel/ops.h"
#define STRATA_KERNEL "kernel/ops/activation.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/ops/row_loop.h"

namespace strata::kernel::STRATA_ISA {
namespace {

struct Silu {
  STRATA_METHOD F operator()(F x) const { return x / (F::set1(1) + exp(neg(x))); }
};

// x / 2 (1 + tanh(u)) = x / (1 + e^(-2u)): one exponential, and no cancellation for u < 0.
struct GeluTanh {
  STRATA_METHOD F operator()(F x) const {
    const F minus_2u = x * fma(x * x, F::set1(-0.0713548163f), F::set1(-1.59576912f));
    return x / (F::set1(1) + exp(minus_2u));
  }
};

// x Phi(x) with erfc(z) = e^(-z^2) P(1 / (1 + pz)), z = |x| / sqrt(2): absolute error < 1.5e-7.
// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
struct Gelu {
  STRATA_METHOD F operator()(F x) const {
    const F z = abs(x) * F::set1(0.707106781f);
    const F t = F::set1(1) / fma(z, F::set1(0.3275911f), F::set1(1));
    F p = fma(t, F::set1(1.061405429f), F::set1(-1.453152027f));
    p = fma(t, p, F::set1(1.421413741f));
    p = fma(t, p, F::set1(-0.284496736f));
    p = fma(t, p, F::set1(0.254829592f));
    const F tail = F::set1(0.5f) * x * (p * t * exp(neg(z * z)));   // x Phi(-|x|)
    return select(lt(x, F::zero()), tail, x - tail);
  }
};

struct Relu {
  STRATA_METHOD F operator()(F x) const { return max(F::zero(), x); }   // this order keeps NaN
};

struct Relu2 {
  STRATA_METHOD F operator()(F x) const {
    const F y = max(F::zero(), x);
    return y * y;
  }
};

struct GeluQuick {
  STRATA_METHOD F operator()(F x) const {
    return x / (F::set1(1) + exp(x * F::set1(-1.702f)));
  }
};

struct Sigmoid {
  STRATA_METHOD F operator()(F x) const { return F::set1(1) / (F::set1(1) + exp(neg(x))); }
};

struct None {
  STRATA_METHOD F operator()(F x) const { return x; }
};

template <class Activation>
struct Gate {
  STRATA_METHOD F operator()(F gate, F up) const { return Activation{}(gate) * up; }
};

}  // namespace

static void run(Act act, const float* x, int64_t n, float* out) {
  switch (act) {
    case Act::silu: return map(Silu{}, x, n, out);
    case Act::gelu_tanh: return map(GeluTanh{}, x, n, out);
    case Act::gelu: return map(Gelu{}, x, n, out);
    case Act::relu: return map(Relu{}, x, n, out);
    case Act::relu2: return map(Relu2{}, x, n, out);
    case Act::gelu_quick: return map(GeluQuick{}, x, n, out);
    case Act::sigmoid: return map(Sigmoid{}, x, n, out);
    case Act::none: return map(None{}, x, n, out);
  }
  STRATA_CHECK(!"known activation");
}

static void run_gate(Act act, const float* gate, const float* up, int64_t n, float* out) {
  switch (act) {
    case Act::silu: return map2(Gate<Silu>{}, gate, up, n, out);
    case Act::gelu_tanh: return map2(Gate<GeluTanh>{}, gate, up, n, out);
    case Act::gelu: return map2(Gate<Gelu>{}, gate, up, n, out);
    case Act::relu: return map2(Gate<Relu>{}, gate, up, n, out);
    case Act::relu2: return map2(Gate<Relu2>{}, gate, up, n, out);
    case Act::gelu_quick: return map2(Gate<GeluQuick>{}, gate, up, n, out);
    case Act::sigmoid: return map2(Gate<Sigmoid>{}, gate, up, n, out);
    case Act::none: return map2(Gate<None>{}, gate, up, n, out);
  }
  STRATA_CHECK(!"known activation");
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void activate(Act act, const float* x, int64_t n, float* out) { STRATA_PICK(run)(act, x, n, out); }

void act_mul(Act act, const float* gate, const float* up, int64_t n, float* out) {
  STRATA_PICK(run_gate)(act, gate, up, n, out);
}

}  // namespace strata::kernel
#endif
