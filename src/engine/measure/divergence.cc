#include "engine/measure/divergence.h"

#include <algorithm>
#include <cmath>

#include "kernel/ops.h"

namespace strata::engine {

double kl_divergence(const float* p, const float* q, int64_t n) {
  const double total_p = kernel::log_sum_exp(p, 1, n), total_q = kernel::log_sum_exp(q, 1, n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double log_p = p[i] - total_p;
    // Tokens without probability in p cost nothing, whatever q says: 0 log 0 = 0.
    if (log_p < -80) continue;
    sum += double(std::exp(static_cast<float>(log_p))) * (log_p - (q[i] - total_q));
  }
  // Rounding may leave a little below zero.
  return sum < 0 ? 0 : sum;
}

DivergenceReport divergence(Session& reference, Session& tested, const ScoredText& text,
                            const std::function<void(int64_t, double)>& progress) {
  Likelihood likelihood[2];
  std::vector<double> kl;
  double sum = 0, sum_squares = 0;
  int64_t same = 0;
  const int64_t vocab = reference.n_vocab();
  Session* const sessions[] = {&reference, &tested};
  const int64_t windows = each_scored_row(
      sessions, text,
      [&](std::span<const float* const> logits, Token next) {
        for (int i = 0; i < 2; ++i)
          likelihood[i].add(kernel::log_sum_exp(logits[i], 1, vocab) - logits[i][next]);
        kl.push_back(kl_divergence(logits[0], logits[1], vocab));
        sum += kl.back();
        sum_squares += kl.back() * kl.back();
        same += kernel::argmax(logits[0], vocab) == kernel::argmax(logits[1], vocab);
      },
      [&](int64_t window) {
        if (progress) progress(window, sum / static_cast<double>(kl.size()));
      });
  DivergenceReport report{.reference = likelihood[0].report(windows),
                          .tested = likelihood[1].report(windows)};
  const double n = static_cast<double>(kl.size());
  std::sort(kl.begin(), kl.end());
  report.mean = sum / n;
  report.stderr_mean = std::sqrt(std::max(0.0, sum_squares / n - report.mean * report.mean) /
                                 std::max(1.0, n - 1));
  report.median = kl[kl.size() / 2];
  report.p99 = kl[kl.size() * 99 / 100];
  report.most = kl.back();
  report.same_top = static_cast<double>(same) / n;
  return report;
}

}  // namespace strata::engine
