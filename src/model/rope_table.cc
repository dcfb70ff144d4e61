#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "model/hyper.h"

namespace strata::model {
namespace {

constexpr double kPi = std::numbers::pi;

/// 1 where dimension pair i keeps its frequency, 0 where it is divided by the factor, a ramp
/// between. Source: arXiv:2309.00071 section 3.2; the bounds as the publishers' code takes them.
class YarnBlend {
 public:
  explicit YarnBlend(const Rope& rope) {
    auto pair_of_rotations = [&](double rotations) {
      return rope.d * std::log(rope.original_context / (rotations * 2 * kPi)) /
             (2 * std::log(rope.theta));
    };
    low_ = pair_of_rotations(rope.beta_fast);
    high_ = pair_of_rotations(rope.beta_slow);
    if (rope.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, rope.d - 1.0);
    if (low_ == high_) high_ += 0.001;   // as the publishers' code does
  }
  double kept(int pair) const { return 1 - std::clamp((pair - low_) / (high_ - low_), 0.0, 1.0); }

 private:
  double low_, high_;
};

double llama3_frequency(const Rope& rope, double frequency) {
  const double wavelength = 2 * kPi / frequency;
  if (wavelength < rope.original_context / rope.high_freq_factor) return frequency;
  if (wavelength > rope.original_context / rope.low_freq_factor) return frequency / rope.factor;
  const double smooth = (rope.original_context / wavelength - rope.low_freq_factor) /
                        (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

double yarn_magnitude(double factor) { return factor > 1 ? 0.1 * std::log(factor) + 1 : 1; }

// Source: arXiv:2402.13753 section 4; `factor` is the stretched over the original context.
double longrope_magnitude(const Rope& rope) {
  if (rope.factor <= 1 || rope.original_context <= 1) return 1;
  return std::sqrt(1 + std::log(rope.factor) / std::log(rope.original_context));
}

}  // namespace

RopeTable::RopeTable(const Rope& rope, int context) : rope_(rope) {
  STRATA_CHECK(rope.d >= 0 && rope.d % 2 == 0 && rope.theta > 1);
  const auto one_each = [&](const std::vector<float>& v) { return std::ssize(v) == rope.d / 2; };
  if (rope.scaling == RopeScaling::longrope) {
    STRATA_CHECK(one_each(rope.short_factors) && one_each(rope.long_factors));
    rope_.freq_divisors = context > rope.original_context ? rope.long_factors : rope.short_factors;
  }
  STRATA_CHECK(rope_.freq_divisors.empty() || one_each(rope_.freq_divisors));
  inv_freq_.resize(rope.d / 2);
  for (int i = 0; i < half(); ++i) inv_freq_[i] = frequency(i, rope.theta);
  if (rope.scaling == RopeScaling::yarn || rope.scaling == RopeScaling::longrope) {
    magnitude_ = rope.attn_factor != 0                   ? rope.attn_factor
                 : rope.scaling == RopeScaling::longrope ? longrope_magnitude(rope)
                                                         : yarn_magnitude(rope.factor);
  }
}

double RopeTable::frequency(int pair, double theta) const {
  double f = std::pow(theta, -2.0 * pair / rope_.d);
  if (!rope_.freq_divisors.empty()) f /= rope_.freq_divisors[pair];
  switch (rope_.scaling) {
    case RopeScaling::none:
    case RopeScaling::longrope:
    case RopeScaling::dynamic: return f;
    case RopeScaling::linear: return f / rope_.factor;
    case RopeScaling::llama3: return llama3_frequency(rope_, f);
    case RopeScaling::yarn: {
      const double kept = YarnBlend(rope_).kept(pair);
      return f * kept + f / rope_.factor * (1 - kept);
    }
  }
  STRATA_CHECK(false);
}

void RopeTable::row(int position, float* cos, float* sin) const {
  // Beyond the trained context the base grows with the length so far.
  double theta = 0;
  if (rope_.scaling == RopeScaling::dynamic && position >= rope_.original_context) {
    const double length = position + 1.0;
    const double stretch = rope_.factor * length / rope_.original_context - (rope_.factor - 1);
    theta = rope_.theta * std::pow(stretch, rope_.d / (rope_.d - 2.0));
  }
  for (int i = 0; i < half(); ++i) {
    const double angle = position * (theta > 0 ? frequency(i, theta) : inv_freq_[i]);
    cos[i] = static_cast<float>(std::cos(angle) * magnitude_);
    sin[i] = static_cast<float>(std::sin(angle) * magnitude_);
  }
}

}  // namespace strata::model
