#include "engine/measure/tune.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace strata::engine {
namespace {

// Seconds that are least at `goal`, in a machine whose speed changes from call to call.
Measure machine_with_best(const Tuning& goal, int& calls) {
  return [&goal, &calls](const Tuning& t) {
    double seconds = 1;
    for (const TuningChoice& c : tuning_choices())
      seconds += std::abs(std::log2(double(t.*c.member) / (goal.*c.member)));
    ++calls;
    return seconds * (1 + 0.5 * std::sin(calls / 40.0));
  };
}

TEST(Tune, FindsTheBestOfEachChoice) {
  Tuning goal;
  for (const TuningChoice& c : tuning_choices()) goal.*c.member = c.candidates.back();
  int calls = 0;
  EXPECT_EQ(tune({}, machine_with_best(goal, calls)), goal);
  EXPECT_GT(calls, 0);
}

TEST(Tune, KeepsTheDefaultsWhereNothingIsClearlyBetter) {
  int calls = 0;
  const Measure noisy = [&](const Tuning&) { return 1 + 0.01 * (++calls * 7919 % 3); };
  EXPECT_EQ(tune({}, noisy), Tuning{});
}

TEST(Tune, EveryCandidateIsWithinItsLimits) {
  for (const TuningChoice& c : tuning_choices()) {
    Tuning t;
    EXPECT_GE(t.*c.member, c.least) << c.name;
    for (const int value : c.candidates) {
      t.*c.member = value;
      EXPECT_NO_THROW(set_tuning(t)) << c.name << " " << value;
    }
    t.*c.member = c.most + 1;
    EXPECT_THROW(set_tuning(t), Error) << c.name;
  }
  set_tuning({});
}

}  // namespace
}  // namespace strata::engine
