// What a step costs: a linear model of its time, fitted to the steps that ran.
#pragma once
#include <array>
#include <cstdint>

namespace strata::engine {

/// What makes a step long, counted while it is planned.
struct StepLoad {
  int64_t tokens = 0;          // rows of the batch
  int64_t decode_reads = 0;    // positions read by sequences that compute one token
  int64_t prompt_pairs = 0;    // (query, position) pairs of chunks, whose queries share the reads

  void add(int n_token, int n_past) {
    tokens += n_token;
    if (n_token == 1)
      decode_reads += n_past + 1;
    else
      prompt_pairs += int64_t(n_token) * n_past + int64_t(n_token) * (n_token + 1) / 2;
  }
};

/// seconds = fixed + a tokens + b decode_reads + c prompt_pairs, no coefficient negative. Recent
/// steps weigh more: machines and neighbours change speed.
/// Cost: some hundred operations a step, no allocation.
class StepCost {
 public:
  void observe(const StepLoad& load, double seconds);
  /// 0 until enough steps were seen.
  double predict(const StepLoad& load) const;
  bool known() const { return n_seen_ >= kEnough; }
  /// Most tokens that a prompt with `n_past` computed ones may add to `load` so that the step stays
  /// within `seconds`; `most` until enough steps were seen.
  int tokens_within(double seconds, const StepLoad& load, int n_past, int most) const;
  /// Seconds to compute `n_token` tokens after `n_past` in a step that runs anyway.
  double marginal(int n_token, int n_past) const;

 private:
  static constexpr int kTerm = 4;
  static constexpr int kEnough = 4;
  /// A step weighs half as much as one this many steps later.
  static constexpr double kHalfLife = 256;
  /// A step that took this many times what was predicted says more about the neighbours.
  static constexpr double kOutlier = 4;
  using Terms = std::array<double, kTerm>;
  static Terms terms(const StepLoad& load);
  void fit();

  std::array<Terms, kTerm> normal_{};   // weighted sum of x x^T
  Terms right_{};                       // weighted sum of x y
  Terms weight_{};                      // the model
  int64_t n_seen_ = 0;
};

}  // namespace strata::engine
