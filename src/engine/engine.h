// The engine: one thread that admits requests, batches them step by step over paged KV, samples,
// and reports tokens. All public methods may be called from any thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/numa.h"
#include "engine/kv/tier_store.h"
#include "engine/request.h"
#include "model/model.h"

namespace strata::engine {

class StepExecutor;

enum class Precision {
  fast,    // int8 activations for quantised weights, f16 KV: what serving uses
  exact,   // activations and KV in float32: what the goldens are compared in
};

/// priority: by priority, then fairly between tenants, then by deadline and arrival.
/// fcfs: by arrival alone.
enum class SchedulingPolicy { priority, fcfs };

/// Where drafts come from: the sequence itself, past outputs, or whichever matches more.
enum class Speculation { off, ngram, suffix, all };

/// Flags carry vLLM's names (max_model_len, max_num_seqs, max_num_batched_tokens).
struct EngineOptions {
  int threads = 0;                  // 0: one per physical core
  Precision precision = Precision::fast;
  bool deterministic = false;       // the same text alone and in any batch; see docs/engine.md
  int max_model_len = 0;            // 0: the model's context, cut to what kv_bytes holds
  int max_num_seqs = 256;           // sequences running at once; cut to the token budget
  int max_num_batched_tokens = 512; // token budget of a step
  // auto (f16; f32 in exact precision), f32, f16, bf16; q8_0, q4_0 (rotated by a Hadamard matrix);
  // q8_0_plain, q4_0_plain (not rotated)
  std::string kv_cache_dtype = "auto";
  size_t kv_bytes = 0;              // 0: what memory allows, at most a quarter of what is free
  double kv_share = 0.25;           // with kv_bytes 0: at most this part of what is free
  size_t memory_bytes = 0;          // counts as all there is; 0: what the machine has
  bool prefix_caching = true;
  bool kv_by_window = true;         // layers with a window keep no more than that (docs/engine.md)
  NumaMode numa = NumaMode::shard;
  bool pin = true;                  // each compute thread to a CPU of its own
  std::string layout_file = {};     // packed weights; empty: beside the model, if there
  int max_waiting = 4096;           // queue; beyond it submit() fails with resource_exhausted
  size_t kv_ram_bytes = 0;          // memory for blocks that left the KV cache
  std::string kv_disk_path = {};    // folder for them, kept over restarts; empty: none
  size_t kv_disk_bytes = size_t(8) << 30;
  SchedulingPolicy scheduling_policy = SchedulingPolicy::priority;
  Speculation speculation = Speculation::all;
  int num_speculative_tokens = 8;   // most drafted tokens a sequence and step
  std::string draft_model = {};     // path or name: drafts where no match does; empty: none
  double itl_target_ms = 250;       // time between tokens that prompts may not exceed; 0: none
  int num_scheduler_steps = 8;      // steps that one schedule may serve while nothing waits
  std::function<void(double)> on_progress = {};   // of packing the weights, 0 to 1
  std::function<double()> now = now_s;            // seconds, of steps and deadlines; for tests
};

/// Counts since the start; at most one step old.
struct EngineStats {
  int running = 0, waiting = 0;     // sequences
  /// used: by sequences; cached: by the prefix tree alone, given up when room is needed.
  int64_t kv_blocks_total = 0, kv_blocks_used = 0, kv_blocks_cached = 0;
  /// The same in bytes: a block has fewer where layers' windows have left it behind.
  int64_t kv_bytes_total = 0, kv_bytes_used = 0, kv_bytes_cached = 0;
  /// The same of recurrent states; cached: snapshots after blocks of the prefix tree.
  int64_t state_slots_total = 0, state_slots_used = 0, state_slots_cached = 0;
  /// cached_tokens: the part of prompt_tokens that the prefix tree had. A prompt counts once.
  uint64_t steps = 0, prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  uint64_t requests_finished = 0, requests_cancelled = 0, requests_failed = 0;
  uint64_t requests_expired = 0, preemptions = 0;
  TierStats tiers;
  uint64_t draft_tokens = 0, accepted_tokens = 0;
  uint64_t forced_tokens = 0;       // of the generated ones: appended without sampling
  double step_seconds = 0, compute_seconds = 0;   // whole steps; of them inside the executor
};

class Engine {
 public:
  /// Compiles the graph, packs the weights and starts the thread.
  /// Errors: resource_exhausted with bytes needed and available, before loading starts.
  Engine(std::shared_ptr<const model::Model> model, const EngineOptions& options);
  /// Over a given executor, without a model: `stop` are the tokens that end a sequence. `draft`:
  /// that of a draft model; null: none.
  Engine(std::unique_ptr<StepExecutor> executor, std::vector<Token> stop,
         const EngineOptions& options, std::unique_ptr<StepExecutor> draft = nullptr);
  ~Engine();   // cancels what is left

  /// Errors: invalid_argument, reason "context_length_exceeded" with both numbers; invalid_argument
  /// naming the parameter in param(); resource_exhausted (queue full); unavailable (draining).
  uint64_t submit(Request request, OnEvent on_event);
  /// Ends a request: its KV is freed within a step; what had not ended reports Finish::cancelled.
  /// Ids that are unknown or have ended are ignored, here and in finish().
  void cancel(uint64_t id);
  /// Ends one sequence (a stop string was found), which then reports Finish::stop.
  void finish(uint64_t id, int index);

  /// Stops admission; returns when everything running has finished or `timeout_s` passed.
  bool drain(double timeout_s);

  const model::Model& model() const;      // requires the first constructor
  const EngineOptions& options() const;   // with the chosen values filled in
  EngineStats stats() const;
  /// Seconds that the step under way has taken; 0: none is. One that never ends is a hang.
  double step_age_s() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::engine
