// The seam between the engine, which decides what to compute, and whatever computes it: one ragged
// batch of tokens in, logits out.
#pragma once
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "engine/kv/kv_shape.h"
#include "engine/kv/page_io.h"
#include "engine/request.h"
#include "graph/kv_pages.h"
#include "graph/state_mark.h"

namespace strata::engine {

using graph::PageMap;
using graph::StateMark;

/// What one sequence contributes to a step: the tokens at positions [n_past, n_past + n_token).
struct StepSequence {
  int64_t first_token = 0;            // row of its first token in the batch
  int n_token = 0;
  int n_past = 0;                     // positions already in the cache
  std::span<const int32_t> blocks;    // covers n_past + n_token positions, kBlock a block
  int n_logits = 0;                   // last rows whose logits are wanted: 0, 1 or n_token
  int32_t state = -1;                 // slot of its recurrent state, read and written; -1: none.
                                      // With n_past 0 it begins as zeros.
  std::span<const StateMark> marks{}; // ascending in n_token, each 1 to n_token
};

struct StepBatch {
  std::span<const Token> tokens;
  std::span<const StepSequence> sequences;
  PageMap pages{};                    // of the blocks that its rows write or may attend
};

class StepExecutor : public PageIo {
 public:
  /// Writes keys and values of the batch into their pages and returns logits
  /// [sum of n_logits][n_vocab], in the order of the sequences, valid until the next run.
  /// Errors: any exception; the sequences' positions from n_past on are then unspecified.
  virtual const float* run(const StepBatch& batch) = 0;

  virtual int n_vocab() const = 0;
  virtual const KvShape& kv() const = 0;
  /// Slots of recurrent state, ids 0 .. n_state - 1; 0 if the model keeps none.
  virtual int n_state() const = 0;
  virtual int max_tokens() const = 0;   // most tokens of one run
  virtual int max_logits() const = 0;   // most logits rows of one run
  virtual ThreadPool& pool() = 0;       // idle between runs: the sampler uses it
};

}  // namespace strata::engine
