#include "kernel/quant_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernel/half.h"

namespace strata::kernel::quant {
namespace {

// Candidate k stretches or shrinks the code range by k steps; one is a tenth of a code, or of the
// distance between two levels.
constexpr int kCandidates = 9;
constexpr float kStep = 0.1f, kLevelStep = 1.5f;
// Below this a scale's reciprocal is not finite in f32, and the scale itself is 0 in f16.
constexpr float kTiny = 1e-30f;

// Sums of one candidate's codes; fits d (and m) by least squares.
struct Fit {
  double n = 0, q = 0, qq = 0, x = 0, xq = 0, xx = 0;
  void add(double value, double code) {
    n += 1, q += code, qq += code * code, x += value, xq += value * code, xx += value * value;
  }
  double error(double d, double m) const {
    return xx + d * d * qq + n * m * m - 2 * d * xq - 2 * m * x + 2 * d * m * q;
  }
};

float extreme(const float* x, int count) {
  float best = 0;
  for (int i = 0; i < count; ++i)
    if (std::fabs(x[i]) > std::fabs(best)) best = x[i];
  return best;
}

struct Best {
  double error = INFINITY;
  float d = 0;
};

// Tries inverse scales (base + k step) / extreme; code_of(x inverse) is the value
// that the code stands for.
template <class CodeOf>
Best search(const float* x, int count, float base, float step, CodeOf code_of) {
  const float top = extreme(x, count);
  Best best;
  if (std::fabs(top) < kTiny) return best;
  for (int k = -kCandidates; k <= kCandidates; ++k) {
    const float inverse = (base + step * float(k)) / top;
    Fit fit;
    for (int i = 0; i < count; ++i) fit.add(x[i], code_of(x[i] * inverse));
    if (fit.qq == 0) continue;
    const double d = fit.xq / fit.qq, error = fit.error(d, 0);
    if (error < best.error) best = {error, float(d)};
  }
  return best;
}

}  // namespace

float finite(float x) { return std::isfinite(x) ? x : 0; }

uint16_t scale_f16(float d) { return half::to_f16(std::clamp(d, -65504.0f, 65504.0f)); }

int code(float x, float d, int low, int high) {
  const float q = std::fabs(d) < kTiny ? 0 : x / d;
  return int(std::nearbyint(std::clamp(q, float(low), float(high))));
}

float quantise_i8(const float* x, int count, int8_t* q) {
  float top = 0;
  for (int i = 0; i < count; ++i) top = std::max(top, std::fabs(finite(x[i])));
  const float d = top / 127;
  for (int i = 0; i < count; ++i) q[i] = int8_t(code(finite(x[i]), d, -127, 127));
  return d;
}

float search_symmetric(const float* x, int count, int n) {
  const auto code_of = [n](float v) {
    return std::nearbyint(std::clamp(v, float(-n), float(n - 1)));
  };
  return search(x, count, float(-n), kStep, code_of).d;
}

float search_ternary(const float* x, int count) {
  std::vector<float> a(x, x + count);
  for (float& v : a) v = std::fabs(v);
  std::sort(a.begin(), a.end(), std::greater<>());
  // With the k largest at +-d, d is their mean and the error falls by (their sum)^2 / k.
  double sum = 0, best = 0;
  float d = 0;
  for (int k = 1; k <= count; ++k) {
    sum += a[size_t(k - 1)];
    if (sum * sum > best * k) best = sum * sum / k, d = float(sum / k);
  }
  return d;
}

int nearest_level(float x, const int8_t* levels, int n_level) {
  int i = 0;
  while (i + 1 < n_level && x > 0.5f * float(levels[i] + levels[i + 1])) ++i;
  return i;
}

float search_levels(const float* x, int count, const int8_t* levels, int n_level) {
  const auto code_of = [=](float v) { return float(levels[nearest_level(v, levels, n_level)]); };
  const Best low = search(x, count, levels[0], kLevelStep, code_of);
  const Best high = search(x, count, levels[n_level - 1], kLevelStep, code_of);
  return low.error <= high.error ? low.d : high.d;
}

Affine search_affine(const float* x, int count, int n, bool m_not_positive) {
  float low = x[0], high = x[0];
  for (int i = 1; i < count; ++i) low = std::min(low, x[i]), high = std::max(high, x[i]);
  if (m_not_positive) low = std::min(low, 0.0f);
  if (high - low < kTiny) return {0, low};
  Affine best{(high - low) / float(n), low};
  double best_error = INFINITY;
  for (int k = -kCandidates; k <= kCandidates; ++k) {
    const float inverse = (float(n) + kStep * float(k)) / (high - low);
    Fit fit;
    for (int i = 0; i < count; ++i)
      fit.add(x[i], std::nearbyint(std::clamp((x[i] - low) * inverse, 0.0f, float(n))));
    const double determinant = fit.n * fit.qq - fit.q * fit.q;
    if (determinant <= 0) continue;
    double d = (fit.n * fit.xq - fit.q * fit.x) / determinant;
    double m = (fit.qq * fit.x - fit.q * fit.xq) / determinant;
    if (m_not_positive && m > 0) m = 0, d = fit.xq / fit.qq;
    const double error = fit.error(d, m);
    if (error < best_error) best_error = error, best = {float(d), float(m)};
  }
  return best;
}

}  // namespace strata::kernel::quant
