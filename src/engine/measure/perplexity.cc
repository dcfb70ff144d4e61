#include "engine/measure/perplexity.h"

#include <algorithm>
#include <cmath>

#include "kernel/ops.h"

namespace strata::engine {

void Likelihood::add(double nll) {
  sum_ += nll;
  sum_squares_ += nll * nll;
  ++n_;
}

double Likelihood::perplexity() const { return std::exp(sum_ / static_cast<double>(n_)); }

PerplexityReport Likelihood::report(int64_t windows) const {
  const double n = static_cast<double>(n_), mean = sum_ / n;
  const double variance = std::max(0.0, sum_squares_ / n - mean * mean);
  return {.perplexity = std::exp(mean),
          .nll = mean,
          .stderr_nll = std::sqrt(variance / std::max(1.0, n - 1)),
          .tokens_scored = n_,
          .windows = windows};
}

PerplexityReport perplexity(Session& session, const ScoredText& text,
                            const std::function<void(int64_t, double)>& progress) {
  Likelihood likelihood;
  const int64_t vocab = session.n_vocab();
  Session* const sessions[] = {&session};
  const int64_t windows = each_scored_row(
      sessions, text,
      [&](std::span<const float* const> logits, Token next) {
        likelihood.add(kernel::log_sum_exp(logits[0], 1, vocab) - logits[0][next]);
      },
      [&](int64_t window) {
        if (progress) progress(window, likelihood.perplexity());
      });
  return likelihood.report(windows);
}

}  // namespace strata::engine
