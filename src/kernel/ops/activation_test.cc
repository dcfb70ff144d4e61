#include <cfloat>

#include "kernel/ops.h"
#include "kernel/ops/row_test.h"

namespace strata::kernel {
namespace {

constexpr Act kActs[] = {Act::silu, Act::gelu_tanh, Act::gelu,
                          Act::relu, Act::relu2,     Act::gelu_quick,
                          Act::sigmoid, Act::none};

double reference(Act act, double x) {
  switch (act) {
    case Act::silu: return x / (1 + std::exp(-x));
    case Act::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Act::gelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Act::relu: return x > 0 ? x : 0;
    case Act::relu2: return x > 0 ? x * x : 0;
    case Act::gelu_quick: return x / (1 + std::exp(-1.702 * x));
    case Act::sigmoid: return 1 / (1 + std::exp(-x));
    case Act::none: return x;
  }
  return NAN;
}

class Activation : public EveryIsa {};

TEST_P(Activation, EveryFunctionAtEveryLength) {
  for (int64_t n : row_lengths())
    for (Act act : kActs) {
      SCOPED_TRACE(testing::Message() << "act " << int(act) << " length " << n);
      Row x(n, rng_, 3), up(n, rng_);
      OutputRow y(n), product(n);
      activate(act, x.get(), n, y.get());
      act_mul(act, x.get(), up.get(), n, product.get());
      for (int64_t i = 0; i < n; ++i) {
        expect_close(y[i], reference(act, x[i]), 2e-6, 5e-7);
        expect_close(product[i], reference(act, x[i]) * up[i], 2e-6,
                     5e-7 * std::abs(up[i]) + 1e-30);
      }
    }
}

TEST_P(Activation, WholeRange) {
  std::vector<float> x, y;
  for (float m = 1e-30f; m < 1e30f; m *= 1.09f) {
    x.push_back(m);
    x.push_back(-m);
  }
  y.resize(x.size());
  for (Act act : kActs) {
    activate(act, x.data(), int64_t(x.size()), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "act " << int(act) << " of " << x[i]);
      const double want = reference(act, x[i]);
      if (want > FLT_MAX) EXPECT_EQ(y[i], INFINITY);
      else expect_close(y[i], want, 2e-6, 5e-7 * std::min(1.0f, std::abs(x[i])));
    }
  }
}

TEST_P(Activation, NanIsNotHidden) {
  std::vector<float> x(37, 1.0f), y(37);
  x[3] = x[36] = NAN;
  for (Act act : kActs) {
    activate(act, x.data(), 37, y.data());
    for (int i = 0; i < 37; ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << int(act);
  }
}

TEST_P(Activation, OutMayBeAnInput) {
  Row gate(53, rng_), up(53, rng_);
  OutputRow apart(53);
  act_mul(Act::silu, gate.get(), up.get(), 53, apart.get());
  Row g = gate, u = up;
  act_mul(Act::silu, g.get(), up.get(), 53, g.get());
  act_mul(Act::silu, gate.get(), u.get(), 53, u.get());
  for (int i = 0; i < 53; ++i) {
    EXPECT_EQ(g[i], apart[i]);
    EXPECT_EQ(u[i], apart[i]);
  }
}

STRATA_EVERY_ISA(Activation);

}  // namespace
}  // namespace strata::kernel
