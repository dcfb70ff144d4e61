// Runs a compiled graph on ragged batches over a paged KV cache and slots of recurrent state.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/numa.h"
#include "base/threads.h"
#include "graph/graph.h"
#include "graph/kv_pages.h"
#include "graph/state_mark.h"
#include "kernel/attention.h"

namespace strata::graph {

/// One sequence's part of a batch: rows [first_token, first_token + n_token) of Batch::tokens,
/// which continue n_past positions already in the cache.
struct SequenceSlice {
  int64_t first_token = 0;
  int n_token = 0;
  int n_past = 0;
  const int32_t* blocks = nullptr;   // ids; covers n_past + n_token positions
  int n_logits = 0;                  // how many of its last rows need logits
  int32_t state = -1;                // slot of its recurrent state; -1 if the model has none.
                                     // With n_past 0 it begins as zeros, whatever the slot held.
  std::span<const StateMark> marks{};   // ascending in n_token, 1 to n_token
};

struct Batch {
  std::span<const int32_t> tokens;
  std::span<const SequenceSlice> sequences;
  PageMap pages{};                   // of the blocks that its rows write or may attend
};

struct ExecutorOptions {
  int max_tokens = 512;                            // rows of a batch
  int max_outputs = 256;                           // rows with logits
  int max_sequences = 256;
  int64_t kv_pages = 0;                            // kernel::kKvBlock positions each
  bool by_window = false;                          // pages by window (PagePlan); else of all layers
  int64_t state_slots = 0;                         // recurrent states; unused if the graph has none
  kernel::KvType kv_type = kernel::KvType::f16;
  bool kv_rotated = false;                         // see kernel::KvLayout; of q8_0 and q4_0 only
  bool exact = false;                              // activations in float32
  bool deterministic = false;                      // a sequence's logits depend on no other one
  bool fuse = true;                                // false: the graph as declared (for comparison)
  std::string layout_file = {};                    // packed weights to map (graph/layout_file.h)
  std::vector<int> node_of_thread = {};           // NUMA: weights lie with threads; empty: no
  bool interleave = false;                         // NUMA: weights and KV over all nodes, in turn
  NumaBinder* binder = nullptr;                    // null: the system's
  std::function<void(double)> on_progress = {};    // of packing, 0 to 1, from the caller's thread
};

/// Bytes that an executor will allocate.
struct Footprint {
  size_t weights = 0, activations = 0;
  size_t kv_page = 0;
  std::vector<CacheGroup> groups{};                // which pages a block takes; none: no caches
  size_t state_slot = 0;                           // one sequence's state of all layers
  size_t total(int64_t kv_pages, int64_t state_slots) const {
    return weights + activations + kv_page * kv_pages + state_slot * state_slots;
  }
};

class Executor {
 public:
  /// Runs the passes, plans memory, packs the weights (in parallel).
  /// Errors: resource_exhausted with bytes needed and available.
  Executor(Graph graph, ThreadPool& pool, const ExecutorOptions& options);
  ~Executor();

  /// What an executor of this graph would allocate, before anything is loaded.
  static Footprint footprint(const Graph& graph, int threads, const ExecutorOptions& options);

  /// Logits [sum of n_logits][n_vocab] in the order of the sequences, valid until the next run.
  /// Allocates nothing. The caller keeps the batch within the options' limits.
  const float* run(const Batch& batch);

  /// Lets the codes of a quantised cache be taken relative to what keys have in common, which it
  /// learns from the keys of `tokens`: at most max_tokens, and as many as the cache holds. What was
  /// cached before is lost. Other caches need none.
  void measure_keys(std::span<const int32_t> tokens);

  /// Copy-on-write.
  void copy_page(int32_t from, int32_t to);
  /// A page's layers one after the other: Footprint::kv_page bytes.
  void read_page(int32_t page, uint8_t* out) const;
  void write_page(int32_t page, const uint8_t* bytes);
  /// Copies a whole slot (prefix hit, fork).
  void copy_state(int32_t from, int32_t to);

  /// From now on, or no longer: the time of each node of graph(), waiting for the others included.
  void profile(bool on);
  std::span<const int64_t> node_ns() const;   // since profile(true), over all runs

  int64_t n_vocab() const;
  const Graph& graph() const;            // after the passes
  const ExecutorOptions& options() const;
  const Footprint& footprint() const;
  /// Bytes of packed weights that a decode step reads, and KV bytes it reads at a depth.
  double step_weight_bytes() const;
  double step_kv_bytes(int64_t depth) const;
  /// State bytes that a token of one sequence reads and writes.
  double step_state_bytes() const;
  /// Bytes of one position in a cache of the graph.
  double kv_position_bytes(int cache) const;
  ThreadPool& pool() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::graph
