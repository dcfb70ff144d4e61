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

}  // namespace

RopeTable::RopeTable(const Rope& rope) {
  STRATA_CHECK(rope.d >= 0 && rope.d % 2 == 0 && rope.theta > 1);
  STRATA_CHECK(rope.freq_divisors.empty() ||
               static_cast<int>(rope.freq_divisors.size()) == rope.d / 2);
  inv_freq_.resize(rope.d / 2);
  for (int i = 0; i < half(); ++i) {
    double& f = inv_freq_[i];
    f = std::pow(rope.theta, -2.0 * i / rope.d);
    if (!rope.freq_divisors.empty()) f /= rope.freq_divisors[i];
    switch (rope.scaling) {
      case RopeScaling::none: break;
      case RopeScaling::linear: f /= rope.factor; break;
      case RopeScaling::llama3: f = llama3_frequency(rope, f); break;
      case RopeScaling::yarn: {
        const double kept = YarnBlend(rope).kept(i);
        f = f * kept + f / rope.factor * (1 - kept);
        break;
      }
    }
  }
  if (rope.scaling == RopeScaling::yarn) {
    magnitude_ = rope.attn_factor;
    if (magnitude_ == 0) magnitude_ = rope.factor > 1 ? 0.1 * std::log(rope.factor) + 1 : 1;
  }
}

void RopeTable::row(int position, float* cos, float* sin) const {
  for (int i = 0; i < half(); ++i) {
    const double angle = position * inv_freq_[i];
    cos[i] = static_cast<float>(std::cos(angle) * magnitude_);
    sin[i] = static_cast<float>(std::sin(angle) * magnitude_);
  }
}

}  // namespace strata::model
