#include "engine/step_cost.h"

#include <algorithm>
#include <cmath>

namespace strata::engine {

// Units in which typical coefficients are of one size.
StepCost::Terms StepCost::terms(const StepLoad& load) {
  return {1, double(load.tokens) * 1e-2, double(load.decode_reads) * 1e-4,
          double(load.prompt_pairs) * 1e-6};
}

void StepCost::observe(const StepLoad& load, double seconds) {
  if (!(seconds >= 0)) return;
  if (known()) seconds = std::min(seconds, kOutlier * predict(load));
  // Relative errors count: weighed by 1 / seconds^2, so that short steps are fitted as well.
  const double scale = 1 / std::max(seconds, 1e-6);
  const double keep = std::exp2(-1 / kHalfLife);
  Terms x = terms(load);
  for (double& v : x) v *= scale;
  for (int i = 0; i < kTerm; ++i) {
    for (int j = 0; j < kTerm; ++j) normal_[i][j] = normal_[i][j] * keep + x[i] * x[j];
    right_[i] = right_[i] * keep + x[i] * seconds * scale;
  }
  ++n_seen_;
  fit();
}

/// Non-negative least squares by coordinate descent, from the last solution.
void StepCost::fit() {
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round)
    for (int i = 0; i < kTerm; ++i) {
      if (normal_[i][i] <= 0) continue;
      double rest = right_[i];
      for (int j = 0; j < kTerm; ++j)
        if (j != i) rest -= normal_[i][j] * weight_[j];
      weight_[i] = std::max(0.0, rest / normal_[i][i]);
    }
}

double StepCost::predict(const StepLoad& load) const {
  if (!known()) return 0;
  const Terms x = terms(load);
  double seconds = 0;
  for (int i = 0; i < kTerm; ++i) seconds += weight_[i] * x[i];
  return seconds;
}

double StepCost::marginal(int n_token, int n_past) const {
  StepLoad more;
  more.add(n_token, n_past);
  return predict(more) - predict({});
}

int StepCost::tokens_within(double seconds, const StepLoad& load, int n_past, int most) const {
  if (!known()) return most;
  const auto fits = [&](int n) {
    StepLoad with = load;
    with.add(n, n_past);
    return predict(with) <= seconds;
  };
  if (most <= 0 || fits(most)) return std::max(most, 0);
  int low = 0, high = most;   // fits(low) or low = 0; not fits(high)
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace strata::engine
