#include "engine/measure/logits.h"

#include <algorithm>

#include "kernel/ops.h"

namespace strata::engine {

LogitsReport evaluate_logits(Session& session, std::span<const Token> prompt, int greedy,
                             int chunk) {
  LogitsReport report;
  session.rewind(0);
  const int64_t vocab = session.n_vocab();
  const int most = std::min(session.executor().max_tokens(), session.executor().max_logits());
  const size_t step = static_cast<size_t>(chunk > 0 ? std::min(chunk, most) : most);
  const float* last = nullptr;
  for (size_t i = 0; i < prompt.size(); i += step) {
    const size_t n = std::min(step, prompt.size() - i);
    const float* logits = session.append(prompt.subspan(i, n), static_cast<int>(n));
    for (size_t row = 0; row < n; ++row) {
      last = logits + static_cast<int64_t>(row) * vocab;
      report.argmax_all.push_back(static_cast<Token>(kernel::argmax(last, vocab)));
    }
  }
  if (!last) return report;
  report.last_logits.assign(last, last + vocab);
  Token next = report.argmax_all.back();
  for (int i = 0; i < greedy; ++i) {
    report.greedy.push_back(next);
    if (i + 1 < greedy)
      next = static_cast<Token>(kernel::argmax(session.append({&next, 1}), vocab));
  }
  return report;
}

}  // namespace strata::engine
