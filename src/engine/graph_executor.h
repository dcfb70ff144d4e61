// The real executor behind the engine's seam: a compiled graph and the pool that runs it.
#pragma once
#include <memory>
#include <vector>

#include "base/threads.h"
#include "engine/engine.h"
#include "engine/step.h"
#include "graph/executor.h"

namespace strata::engine {

class GraphExecutor : public StepExecutor {
 public:
  /// Fills in the options that were left to choose. `pool`: shared with another executor, which
  /// never runs at the same time; null: one of its own. Errors: as make_executor.
  GraphExecutor(const model::Model& model, EngineOptions& options, ThreadPool* pool = nullptr);

  const float* run(const StepBatch& batch) override;
  void copy_page(int32_t from, int32_t to) override { executor_->copy_page(from, to); }
  size_t page_bytes() const override { return executor_->footprint().kv_page; }
  void read_page(int32_t page, uint8_t* out) const override { executor_->read_page(page, out); }
  void write_page(int32_t page, const uint8_t* bytes) override {
    executor_->write_page(page, bytes);
  }
  void copy_state(int32_t from, int32_t to) override { executor_->copy_state(from, to); }
  int n_vocab() const override { return static_cast<int>(executor_->n_vocab()); }
  const KvShape& kv() const override { return kv_; }
  int n_state() const override { return static_cast<int>(executor_->options().state_slots); }
  int max_tokens() const override { return executor_->options().max_tokens; }
  int max_logits() const override { return executor_->options().max_outputs; }
  ThreadPool& pool() override { return pool_; }

  const graph::Executor& graph() const { return *executor_; }
  graph::Executor& graph() { return *executor_; }

 private:
  std::unique_ptr<ThreadPool> own_pool_;   // null: shared
  ThreadPool& pool_;
  std::unique_ptr<graph::Executor> executor_;
  KvShape kv_;
  std::vector<graph::SequenceSlice> slices_;
};

}  // namespace strata::engine
