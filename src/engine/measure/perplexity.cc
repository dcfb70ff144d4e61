#include "engine/measure/perplexity.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernel/ops.h"

namespace strata::engine {

PerplexityReport perplexity(Session& session, std::span<const Token> text, int context, Token bos,
                            int max_windows, const std::function<void(int, double)>& progress) {
  int64_t windows = static_cast<int64_t>(text.size()) / context;
  if (max_windows > 0) windows = std::min<int64_t>(windows, max_windows);
  if (windows < 1 || context < 4) {
    fail(Code::invalid_argument,
         "the text has {} tokens, less than one window of {}: give a longer text or a smaller "
         "--context",
         text.size(), context);
  }
  const int64_t vocab = session.n_vocab();
  const int most = std::min(session.executor().max_tokens(), session.executor().max_logits());
  const int first = context / 2;
  PerplexityReport report{.perplexity = 0, .nll = 0, .stderr_nll = 0, .tokens_scored = 0,
                          .windows = windows};
  double sum = 0, sum_squares = 0;
  std::vector<Token> window;
  for (int64_t w = 0; w < windows; ++w) {
    window.assign(text.begin() + w * context, text.begin() + (w + 1) * context);
    if (bos >= 0) window[0] = bos;
    session.rewind(0);
    for (int i = 0; i < context;) {
      // Rows before the scored half need no logits.
      const int until = i < first ? first : context;
      const int n = std::min(until - i, i < first ? session.executor().max_tokens() : most);
      const float* logits = session.append(std::span(window).subspan(i, n), i < first ? 0 : n);
      for (int row = 0; i >= first && row < n && i + row + 1 < context; ++row) {
        const float* l = logits + row * vocab;
        const double nll = kernel::log_sum_exp(l, 1, vocab) - l[window[i + row + 1]];
        sum += nll;
        sum_squares += nll * nll;
        ++report.tokens_scored;
      }
      i += n;
    }
    if (progress) progress(static_cast<int>(w + 1), std::exp(sum / report.tokens_scored));
  }
  const double n = static_cast<double>(report.tokens_scored);
  report.nll = sum / n;
  report.perplexity = std::exp(report.nll);
  const double variance = std::max(0.0, sum_squares / n - report.nll * report.nll);
  report.stderr_nll = std::sqrt(variance / std::max(1.0, n - 1));
  return report;
}

}  // namespace strata::engine
