// Divergences of distributions by hand, and of a model from itself.
#include "engine/measure/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace strata::engine {
namespace {

double naive(const std::vector<float>& p, const std::vector<float>& q) {
  double total_p = 0, total_q = 0, sum = 0;
  for (float x : p) total_p += std::exp(double(x));
  for (float x : q) total_q += std::exp(double(x));
  for (size_t i = 0; i < p.size(); ++i) {
    const double a = std::exp(double(p[i])) / total_p, b = std::exp(double(q[i])) / total_q;
    if (a > 0) sum += a * std::log(a / b);
  }
  return sum;
}

TEST(Divergence, IsTheSumOfItsDefinition) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int n : {2, 17, 1000}) {
    std::vector<float> p(n), q(n);
    for (int i = 0; i < n; ++i) {
      p[i] = 5 * normal(random);
      q[i] = p[i] + normal(random);
    }
    const double expected = naive(p, q);
    EXPECT_NEAR(kl_divergence(p.data(), q.data(), n), expected, 1e-5 * (1 + expected));
    EXPECT_LT(kl_divergence(p.data(), p.data(), n), 1e-6);
  }
}

TEST(Divergence, WhatCannotHappenCostsNothingAndWhatWasRuledOutEverything) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::vector<float> p{0, 0, kNever}, q{0, 0, 3}, r{0, kNever, 0};
  EXPECT_NEAR(kl_divergence(p.data(), q.data(), 3), std::log((2 + std::exp(3.0)) / 2), 1e-5);
  EXPECT_EQ(kl_divergence(p.data(), r.data(), 3), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace strata::engine
