// Drafts from a model: smaller than the one that is served, with the same vocabulary.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/kv/kv_cache.h"
#include "engine/sequence.h"
#include "engine/step.h"

namespace strata::engine {

/// Used by the engine's thread between steps. Keeps keys and values of its own; what it fails to
/// draft is decoded without drafts.
class DraftModel {
 public:
  /// Prompt tokens that one call computes, all sequences together, so that none of them stalls the
  /// others; a sequence drafts once it has caught up.
  static constexpr int kCatchUp = 256;

  /// What the model has of a sequence. Belongs to one DraftModel, which must release it.
  struct Cursor {
    BlockTable table;
    int n_past = 0;      // tokens of the sequence that the cache holds
    int n_ahead = 0;     // drafted tokens after them
  };
  struct Wish {
    Cursor* cursor;
    Sequence* sequence;
    int n_token;         // at most so many
  };

  /// Computes on `executor`, which outlives it. Drafts are below `n_vocab`; nothing is drafted for
  /// sequences longer than `max_len`.
  DraftModel(StepExecutor& executor, int n_vocab, int max_len,
             std::function<double()> now = now_s);

  /// Appends to every sequence's draft the tokens that the model would choose, likeliest first.
  void draft(std::span<const Wish> wishes);
  /// The first `n` tokens of the last draft became the sequence's.
  static void verified(Cursor& cursor, int n);
  void release(Cursor& cursor);

  /// Seconds that one more token of every sequence takes, lately; 0: unknown.
  double round_s() const { return round_s_; }
  int used_blocks() const { return cache_.used(); }

 private:
  struct Row {
    Wish wish;
    int n_token, n_logits;           // of the round
  };
  void plan(std::span<const Wish> wishes);
  bool grow(Cursor& cursor, int n_token);
  void put(const Row& row);
  void run();
  bool take(const Row& row, const float* logits);

  StepExecutor* executor_;
  int n_vocab_, max_len_;
  std::function<double()> now_;
  KvCache cache_;
  double round_s_ = 0;
  bool broken_ = false;
  std::vector<Row> rows_;            // of the round
  std::vector<Token> tokens_;
  std::vector<StepSequence> batch_;
};

}  // namespace strata::engine
