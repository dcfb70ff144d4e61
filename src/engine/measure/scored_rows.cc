#include "engine/measure/scored_rows.h"

#include <algorithm>

#include "base/error.h"

namespace strata::engine {
namespace {

int64_t window_count(const ScoredText& text) {
  int64_t windows = static_cast<int64_t>(text.tokens.size()) / std::max(text.context, 1);
  if (text.max_windows > 0) windows = std::min<int64_t>(windows, text.max_windows);
  if (windows < 1 || text.context < 4) {
    fail(Code::invalid_argument,
         "the text has {} tokens, less than one window of {}: give a longer text or a smaller "
         "--context",
         text.tokens.size(), text.context);
  }
  return windows;
}

void need_one_vocabulary(std::span<Session* const> sessions) {
  for (const Session* s : sessions)
    if (s->n_vocab() != sessions[0]->n_vocab()) {
      fail(Code::invalid_argument,
           "the models have vocabularies of {} and {} tokens: only models of one vocabulary can be "
           "compared",
           sessions[0]->n_vocab(), s->n_vocab());
    }
}

}  // namespace

int64_t each_scored_row(
    std::span<Session* const> sessions, const ScoredText& text,
    const std::function<void(std::span<const float* const> logits, Token next)>& on_row,
    const std::function<void(int64_t)>& on_window) {
  const int64_t windows = window_count(text);
  need_one_vocabulary(sessions);
  const int64_t vocab = sessions[0]->n_vocab();
  const int context = text.context, first = context / 2;
  int most_tokens = context, most_logits = context;
  for (Session* s : sessions) {
    most_tokens = std::min(most_tokens, s->executor().max_tokens());
    most_logits = std::min({most_logits, most_tokens, s->executor().max_logits()});
  }
  std::vector<Token> window;
  std::vector<const float*> logits(sessions.size()), row(sessions.size());
  for (int64_t w = 0; w < windows; ++w) {
    const auto begin = text.tokens.begin() + w * context;
    window.assign(begin, begin + context);
    if (text.bos >= 0) window[0] = text.bos;
    for (Session* s : sessions) s->rewind(0);
    for (int i = 0; i < context;) {
      // Rows before the scored half need no logits.
      const bool scored = i >= first;
      const int n = scored ? std::min(context - i, most_logits) : std::min(first - i, most_tokens);
      for (size_t s = 0; s < sessions.size(); ++s)
        logits[s] = sessions[s]->append(std::span(window).subspan(i, n), scored ? n : 0);
      for (int r = 0; scored && r < n && i + r + 1 < context; ++r) {
        for (size_t s = 0; s < sessions.size(); ++s) row[s] = logits[s] + r * vocab;
        on_row(row, window[i + r + 1]);
      }
      i += n;
    }
    if (on_window) on_window(w + 1);
  }
  return windows;
}

}  // namespace strata::engine
