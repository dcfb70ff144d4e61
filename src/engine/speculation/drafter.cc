#include "engine/speculation/drafter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace strata::engine {

namespace {

enum Source { kPrompt = 0, kPast = 1, kModel = 2 };
constexpr int kModelLength = 16;   // its drafts come from no match: one class

}  // namespace

Drafter::Drafter(Speculation method, int max_tokens, DraftModel* model)
    : method_(max_tokens > 0 ? method : Speculation::off), max_tokens_(max_tokens),
      model_(max_tokens > 0 ? model : nullptr), past_(kMemory) {}

/// A step of n sequences yields n tokens in its time. One token more, right with probability p,
/// pays if p / (its cost) > n / (the step's cost).
void Drafter::begin_step(const StepCost& cost, const StepLoad& decodes, int n_decode) {
  least_ = model_least_ = 1;
  wishes_.clear();
  if (!cost.known() || n_decode == 0) return;
  const double step = cost.predict(decodes);
  const int depth = static_cast<int>(decodes.decode_reads / n_decode);
  // By the whole draft: the cost of its queries, which share one pass over the sequence's keys.
  const double each = cost.marginal(1 + max_tokens_, depth) / (1 + max_tokens_);
  if (step <= 0) return;
  least_ = std::clamp(each * n_decode / step, 0.02, 1.0);
  // A round of the model gives each sequence one token more to verify.
  if (model_) model_least_ = std::clamp(least_ + model_->round_s() / step, 0.02, 1.0);
}

int Drafter::choose_length(int source, int length, double least) const {
  const double rate = std::min(acceptance_.rate(source, length), kCertain);
  if (rate <= least) return 0;
  // The k-th token counts only if all before it are right: rate^k > least.
  return std::min(max_tokens_, static_cast<int>(std::log(least) / std::log(rate)));
}

void Drafter::draft(DraftState& state, Sequence& s) {
  s.draft.clear();
  const int room = std::min(max_tokens_, s.n_total_max - s.n_tokens() - 1);
  if (room <= 0) return;
  if (method_ != Speculation::off && match(state, s, room)) return;
  if (model_) wish(state, s, room);
}

void Drafter::wish(DraftState& state, Sequence& s, int room) {
  const int n = std::min(room, choose_length(kModel, kModelLength, model_least_));
  if (n <= 0) return acceptance_.passed_over(kModel, kModelLength);
  state.source = kModel;
  state.length = kModelLength;
  wishes_.push_back({&state.model, &s, n});
}

void Drafter::draft_by_model() {
  if (model_ && !wishes_.empty()) model_->draft(wishes_);
  wishes_.clear();
}

/// Drafts what followed the longest match, if that is worth it.
bool Drafter::match(DraftState& state, Sequence& s, int room) {
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
  if (best.length == 0) return false;
  state.length = best.length;
  const int n = std::min(room, choose_length(state.source, best.length, least_));
  if (n <= 0) {
    acceptance_.passed_over(state.source, best.length);
    return false;
  }
  if (state.source == kPast) {
    const auto text = past_.text(best.next, n);
    s.draft.assign(text.begin(), text.end());
  } else {
    // What follows an overlapping match repeats itself.
    const int64_t period = s.n_tokens() - best.next;
    for (int i = 0; i < n; ++i) s.draft.push_back(s.tokens[best.next + i % period]);
  }
  return true;
}

void Drafter::verified(DraftState& state, int drafted, int accepted) {
  acceptance_.observe(state.source, state.length, drafted, accepted);
  if (state.source == kModel) DraftModel::verified(state.model, accepted);
}

void Drafter::release(DraftState& state) {
  if (model_) model_->release(state.model);
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
