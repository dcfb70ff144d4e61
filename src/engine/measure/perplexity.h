// How well a model predicts a text.
#pragma once
#include "engine/measure/scored_rows.h"

namespace strata::engine {

struct PerplexityReport {
  double perplexity = 0, nll = 0, stderr_nll = 0;   // mean negative log-likelihood, nats
  int64_t tokens_scored = 0, windows = 0;
};

/// Sums up what single tokens cost.
class Likelihood {
 public:
  void add(double nll);
  double perplexity() const;
  PerplexityReport report(int64_t windows) const;

 private:
  double sum_ = 0, sum_squares_ = 0;
  int64_t n_ = 0;
};

/// `progress` is called after each window with the running perplexity.
/// Errors: those of each_scored_row().
PerplexityReport perplexity(Session& session, const ScoredText& text,
                            const std::function<void(int64_t, double)>& progress = {});

}  // namespace strata::engine
