// One sequence driven by hand over the executor, without scheduler or sampler: for evaluation and
// benchmarks, which want every logit or nothing but the step.
#pragma once
#include <span>
#include <vector>

#include "engine/graph_executor.h"
#include "engine/kv/kv_cache.h"

namespace strata::engine {

class Session {
 public:
  /// Room for as many positions as the options give (max_model_len).
  Session(const model::Model& model, EngineOptions options);
  Session(const Session&) = delete;

  /// Appends tokens (any number: cut into steps of max_tokens) and returns the logits
  /// [min(n_logits, last step)][n_vocab] of the last rows, valid until the next call.
  /// Errors: invalid_argument, reason context_length_exceeded.
  const float* append(std::span<const Token> tokens, int n_logits = 1);
  /// Forgets positions from `n` on: all of them, or none before the last step of the last append
  /// (what windows have left behind is gone). A recurrent state forgets at n = 0 only: after
  /// another n it is what it was, which measurements may use and evaluation must not.
  void rewind(int n);
  int n_past() const { return n_past_; }

  const KvCache& cache() const { return cache_; }
  const GraphExecutor& executor() const { return executor_; }
  GraphExecutor& executor() { return executor_; }
  const EngineOptions& options() const { return options_; }
  int n_vocab() const { return executor_.n_vocab(); }

 private:
  int grow(int n);

  EngineOptions options_;
  GraphExecutor executor_;
  KvCache cache_;
  BlockTable table_;
  int n_past_ = 0;
};

}  // namespace strata::engine
