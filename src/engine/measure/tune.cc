#include "engine/measure/tune.h"

#include <algorithm>
#include <vector>

namespace strata::engine {
namespace {

double median(std::vector<double> samples) {
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

Tuning tune(const Tuning& start, const Measure& measure, const TuneOptions& options,
            const TuneProgress& progress) {
  Tuning best = start;
  for (const TuningChoice& choice : tuning_choices()) {
    const Tuning before = best;
    double best_ratio = 1 - options.gain;
    for (const int value : choice.candidates) {
      if (value == before.*choice.member) continue;
      Tuning candidate = before;
      candidate.*choice.member = value;
      std::vector<double> ratios, seconds;
      for (int r = 0; r < options.repetitions; ++r) {
        const double reference = measure(before);
        seconds.push_back(measure(candidate));
        ratios.push_back(seconds.back() / reference);
      }
      if (progress) progress(choice.name, value, median(seconds));
      const double ratio = median(ratios);
      if (ratio >= best_ratio) continue;
      best_ratio = ratio;
      best = candidate;
    }
  }
  return best;
}

}  // namespace strata::engine
