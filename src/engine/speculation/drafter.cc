#include "engine/speculation/drafter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace strata::engine {

namespace {

enum Source { kPrompt = 0, kPast = 1 };

}  // namespace

Drafter::Drafter(Speculation method, int max_tokens)
    : method_(max_tokens > 0 ? method : Speculation::off), max_tokens_(max_tokens),
      past_(kMemory) {}

/// A step of n sequences yields n tokens in its time. One token more, right with probability p,
/// pays if p / (its cost) > n / (the step's cost).
void Drafter::begin_step(const StepCost& cost, const StepLoad& decodes, int n_decode) {
  least_ = 1;
  if (!cost.known() || n_decode == 0) return;
  const double step = cost.predict(decodes);
  const int depth = static_cast<int>(decodes.decode_reads / n_decode);
  // By the whole draft: the cost of its queries, which share one pass over the sequence's keys.
  const double each = cost.marginal(1 + max_tokens_, depth) / (1 + max_tokens_);
  if (step > 0) least_ = std::clamp(each * n_decode / step, 0.02, 1.0);
}

int Drafter::choose_length(int source, int length) const {
  const double rate = std::min(acceptance_.rate(source, length), kCertain);
  if (rate <= least_) return 0;
  // The k-th token counts only if all before it are right: rate^k > least.
  return std::min(max_tokens_, static_cast<int>(std::log(least_) / std::log(rate)));
}

void Drafter::draft(DraftState& state, Sequence& s) {
  s.draft.clear();
  const int room = std::min(max_tokens_, s.n_total_max - s.n_tokens() - 1);
  if (room <= 0) return;
  Match best;
  if (method_ != Speculation::suffix) {
    state.ngrams.extend(s.tokens);
    best = state.ngrams.find(s.tokens);
    state.source = kPrompt;
  }
  if (method_ != Speculation::ngram) {
    if (std::exchange(state.generation, generation_) != generation_) {
      state.cursor = {};
      state.n_seen = std::max(0, s.n_tokens() - NgramIndex::kMax);
    }
    for (; state.n_seen < s.n_tokens(); ++state.n_seen)
      past_.advance(state.cursor, s.tokens[state.n_seen]);
    const Match past = past_.match(state.cursor);
    if (past.length >= NgramIndex::kMin && past.length > best.length) {
      best = past;
      state.source = kPast;
    }
  }
  if (best.length == 0) return;
  state.length = best.length;
  const int n = std::min(room, choose_length(state.source, best.length));
  if (n <= 0) return acceptance_.passed_over(state.source, best.length);
  if (state.source == kPast) {
    const auto text = past_.text(best.next, n);
    s.draft.assign(text.begin(), text.end());
  } else {
    // What follows an overlapping match repeats itself.
    const int64_t period = s.n_tokens() - best.next;
    for (int i = 0; i < n; ++i) s.draft.push_back(s.tokens[best.next + i % period]);
  }
}

void Drafter::verified(const DraftState& state, int drafted, int accepted) {
  acceptance_.observe(state.source, state.length, drafted, accepted);
}

void Drafter::remember(std::span<const Token> output) {
  if (method_ == Speculation::off || method_ == Speculation::ngram) return;
  if (past_.full()) {
    past_.clear();
    ++generation_;
  }
  past_.add(output.first(std::min<size_t>(output.size(), kOutput)));
}

}  // namespace strata::engine
