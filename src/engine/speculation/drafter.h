// Which tokens are drafted for a sequence, and how many.
#pragma once
#include "engine/engine.h"
#include "engine/sequence.h"
#include "engine/speculation/acceptance.h"
#include "engine/speculation/draft_model.h"
#include "engine/speculation/suffix_automaton.h"
#include "engine/step_cost.h"

namespace strata::engine {

/// What drafting remembers of one sequence.
struct DraftState {
  NgramIndex ngrams;
  SuffixAutomaton::Cursor cursor;
  int n_seen = 0;                 // tokens that the cursor has followed
  uint64_t generation = 0;        // of the automaton that it points into
  int source = 0, length = 0;     // of the draft under way
  DraftModel::Cursor model = {};
};

class Drafter {
 public:
  /// Tokens of past outputs that are remembered, at most, and of one of them.
  static constexpr int kMemory = 1 << 18, kOutput = 4096;

  /// `model`: drafts where no match does; null: none.
  Drafter(Speculation method, int max_tokens, DraftModel* model = nullptr);

  bool enabled() const { return method_ != Speculation::off || model_; }
  /// A step of `n_decode` sequences is about to be planned: what must a draft promise?
  void begin_step(const StepCost& cost, const StepLoad& decodes, int n_decode);
  bool worthwhile() const { return least_ < kCertain; }
  /// Sets sequence.draft: as many tokens as are likely enough to be worth their cost, or none.
  void draft(DraftState& state, Sequence& sequence);
  /// After it for all: the model drafts for those that got nothing, together.
  void draft_by_model();
  void verified(DraftState& state, int drafted, int accepted);
  /// The sequence has ended.
  void release(DraftState& state);
  /// What an ended sequence has said.
  void remember(std::span<const Token> output);

 private:
  static constexpr double kCertain = 0.98;
  int choose_length(int source, int length, double least) const;
  bool match(DraftState& state, Sequence& sequence, int room);
  void wish(DraftState& state, Sequence& sequence, int room);

  Speculation method_;
  int max_tokens_;
  DraftModel* model_;
  std::vector<DraftModel::Wish> wishes_;
  double least_ = 1;              // below this probability a drafted token costs more than it gives
  double model_least_ = 1;        // the same where the model has to draft it
  Acceptance acceptance_;
  SuffixAutomaton past_;
  uint64_t generation_ = 0;
};

}  // namespace strata::engine
