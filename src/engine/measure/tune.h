// Finds the best Tuning for a machine by measuring.
#pragma once
#include <functional>

#include "base/tuning.h"

namespace strata::engine {

/// Seconds that a fixed piece of work takes with these choices; less is better.
using Measure = std::function<double(const Tuning&)>;
/// After each measurement: which choice, its value, seconds.
using TuneProgress = std::function<void(std::string_view choice, int value, double seconds)>;

struct TuneOptions {
  int repetitions = 5;        // of each candidate, in turn with the best so far; the median counts
  double gain = 0.02;         // a candidate must be better by this share to be taken
};

/// One choice after the other, each at its best while the next is tried. Candidate and best so far
/// are measured alternately, so that a machine that changes its speed favours neither.
/// Cost: sum of candidates x 2 x repetitions measurements.
Tuning tune(const Tuning& start, const Measure& measure, const TuneOptions& options = {},
            const TuneProgress& progress = {});

}  // namespace strata::engine
