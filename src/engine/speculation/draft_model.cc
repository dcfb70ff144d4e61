#include "engine/speculation/draft_model.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "kernel/ops.h"

namespace strata::engine {

DraftModel::DraftModel(StepExecutor& executor, int n_vocab, int max_len,
                       std::function<double()> now)
    : executor_(&executor), n_vocab_(n_vocab),
      max_len_(static_cast<int>(std::min<int64_t>(max_len, executor.kv().positions()))),
      now_(std::move(now)), cache_(executor.kv(), false, executor) {
  STRATA_CHECK(executor.n_state() == 0);
}

bool DraftModel::grow(Cursor& c, int n_token) {
  const int needed = (c.n_past + n_token + kBlock - 1) / kBlock;
  while (c.table.size() < needed)
    if (!cache_.extend(c.table)) return false;
  return true;
}

void DraftModel::release(Cursor& c) {
  cache_.release(c.table);
  c = {};
}

void DraftModel::verified(Cursor& c, int n) {
  c.n_past += std::min(n, c.n_ahead);
  c.n_ahead = 0;
}

/// The first round: what the cache lacks of each sequence.
void DraftModel::plan(std::span<const Wish> wishes) {
  rows_.clear();
  int late = kCatchUp, tokens = executor_->max_tokens();
  for (const Wish& w : wishes) {
    Cursor& c = *w.cursor;
    c.n_ahead = 0;
    w.sequence->draft.clear();
    // The last token at least: what follows it is wanted.
    c.n_past = std::min(c.n_past, w.sequence->n_tokens() - 1);
    cache_.pass(c.table, c.n_past);
    const int lacks = w.sequence->n_tokens() - c.n_past;
    if (w.n_token <= 0 || w.sequence->n_tokens() + w.n_token > max_len_) continue;
    if (static_cast<int>(rows_.size()) == executor_->max_logits()) return;
    // A few tokens are what the last draft missed.
    const int n = lacks <= kBlock ? std::min(lacks, tokens) : std::min({lacks, late, tokens});
    if (n <= 0 || !grow(c, n)) continue;
    if (lacks > kBlock) late -= n;
    tokens -= n;
    rows_.push_back({w, n, n == lacks ? 1 : 0});
  }
}

void DraftModel::put(const Row& row) {
  const Sequence& s = *row.wish.sequence;
  Cursor& c = *row.wish.cursor;
  const int first = c.n_past + c.n_ahead;
  batch_.push_back({static_cast<int64_t>(tokens_.size()), row.n_token, first, c.table.blocks,
                    row.n_logits});
  for (int i = first; i < first + row.n_token; ++i)
    tokens_.push_back(i < s.n_tokens() ? s.tokens[i] : s.draft[i - s.n_tokens()]);
}

/// False: the sequence's draft is complete.
bool DraftModel::take(const Row& row, const float* logits) {
  Sequence& s = *row.wish.sequence;
  const int64_t best = kernel::argmax(logits, executor_->n_vocab());
  if (best < 0 || best >= n_vocab_) return false;
  s.draft.push_back(static_cast<Token>(best));
  return static_cast<int>(s.draft.size()) < row.wish.n_token;
}

/// Computes the rows of the round, and leaves those of the next one.
void DraftModel::run() {
  tokens_.clear();
  batch_.clear();
  for (const Row& row : rows_) put(row);
  const float* logits = executor_->run({tokens_, batch_, cache_.pages().map()});
  std::erase_if(rows_, [&](Row& row) {
    Cursor& c = *row.wish.cursor;
    const int in_text = std::min(row.n_token, row.wish.sequence->n_tokens() - c.n_past);
    if (c.n_ahead == 0 && in_text > 0) c.n_past += in_text;
    else c.n_ahead += row.n_token;
    if (row.n_logits == 0) return true;
    const float* own = std::exchange(logits, logits + executor_->n_vocab());
    row.n_token = 1;
    return !take(row, own) || !grow(c, c.n_ahead + 1);
  });
}

void DraftModel::draft(std::span<const Wish> wishes) {
  plan(wishes);
  if (broken_) rows_.clear();
  try {
    for (bool first = true; !rows_.empty(); first = false) {
      const double start = now_();
      run();
      constexpr double kWeight = 1.0 / 16;
      if (first) continue;   // it catches up besides
      const double took = now_() - start;
      round_s_ = round_s_ == 0 ? took : round_s_ + kWeight * (took - round_s_);
    }
  } catch (const std::exception& e) {
    log::error("the draft model failed and is not used any more: {}", e.what());
    broken_ = true;
    for (const Wish& w : wishes) w.sequence->draft.clear();
  }
}

}  // namespace strata::engine
