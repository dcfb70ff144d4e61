// How often drafted tokens turn out right, by source and by length of the match they came from.
#pragma once
#include <algorithm>
#include <array>

namespace strata::engine {

class Acceptance {
 public:
  static constexpr int kSources = 3, kLengths = 17;   // matches of 16 and more are one class

  double rate(int source, int length) const { return rates_[source][index(length)]; }
  /// Of `drafted` tokens the first `accepted` were right.
  void observe(int source, int length, int drafted, int accepted) {
    double& rate = rates_[source][index(length)];
    for (int i = 0; i < accepted; ++i) rate += kWeight * (1 - rate);
    if (accepted < drafted) rate -= kWeight * rate;
  }
  /// A draft was not worth its cost: hope grows slowly, so that it is tried again at times.
  void passed_over(int source, int length) {
    double& rate = rates_[source][index(length)];
    rate += kHope * (1 - rate);
  }

 private:
  static constexpr double kWeight = 1.0 / 24, kHope = 1.0 / 2048;
  static int index(int length) { return std::min(length, kLengths - 1); }
  std::array<std::array<double, kLengths>, kSources> rates_ = [] {
    std::array<std::array<double, kLengths>, kSources> r;
    for (auto& source : r)
      for (int i = 0; i < kLengths; ++i) source[i] = i < 4 ? 0.4 : 0.7;
    return r;
  }();
};

}  // namespace strata::engine
