// What the next step computes: one loop without prefill or decode phases.
//
// Every step has a token budget. Running sequences that need one token come first, then running
// prompts, then waiting ones, in chunks, as far as the budget reaches. While somebody decodes, the
// budget of prompts is what keeps the step's predicted time within a target, so that a long prompt
// never stalls the others. When blocks run out, the
// sequence that is last in order is preempted: its blocks go, it waits again with what it generated
// and is recomputed later (mostly from the prefix tree). Pure logic without clock, threads or
// kernels, so that it can be simulated.
#pragma once
#include <span>
#include <vector>

#include "engine/kv/kv_cache.h"
#include "engine/sequence.h"
#include "engine/step_cost.h"
#include "engine/waiting_queue.h"

namespace strata::engine {

struct SchedulerOptions {
  KvShape kv = {};
  int n_state = 0;                    // slots of recurrent state, at least max_num_seqs; 0: none
  int max_num_seqs = 256;             // running at once; at most max_num_batched_tokens, max_logits
  int max_num_batched_tokens = 512;   // token budget of a step
  int max_logits = 512;               // logits rows of a step
  bool prefix_caching = true;
  double itl_target_s = 0;            // time between two tokens of a sequence; 0: no target
};

/// A step.
struct Plan {
  struct Item {
    Sequence* sequence;
    int first;        // position of the first token to compute
    int n_token;
    int n_logits;     // of the last rows
    int n_draft;      // of the last tokens: drafts, not the sequence's own yet
    bool samples;     // all its tokens are known then: the last row gives the next one
  };
  std::vector<Item> items;
  int n_token = 0, n_logits = 0;
  int n_decode = 0;                     // items that decode; they come first
  StepLoad load, decode_load;           // of all items; of those
};

/// Sequences belong to the caller and stay at their address while they are waiting or running.
/// One step: schedule, copy and compute, computed, then fork / append / remove as sampling says.
class Scheduler {
 public:
  /// One block and page in so many is left free by admission, for what already runs to grow into.
  static constexpr int kReserve = 64;
  /// A snapshot of the recurrent state is kept after so many blocks, and after a prompt's last full
  /// block.
  static constexpr int kSnapshotBlocks = 16;
  /// Prompt tokens that a step takes whatever the target says, so that prompts get on.
  static constexpr int kChunkMin = 16;
  /// Share of the target that a step is planned to take: predictions err, and machines slow down.
  static constexpr double kAim = 0.8;
  /// Where decoding alone takes longer than the target, a step may last this many times as long.
  static constexpr double kStretch = 2;

  /// Pages are copied and brought back through `io` while a step is planned.
  Scheduler(const SchedulerOptions& options, PageIo& io, TierStore* tiers = nullptr);

  /// Could a sequence that ends at `n_total` tokens run if it were alone?
  bool fits(int n_total) const;

  void add(Sequence& sequence);
  void schedule(Plan& plan);
  /// The step was computed: its tokens are in the cache, full blocks enter the prefix tree.
  void computed(const Plan& plan);
  /// How long a step with this load took: what the token budget is derived from.
  void observe(const StepLoad& load, double seconds) { cost_.observe(load, seconds); }
  /// The next step as a continuation of `plan`, which was computed and every sequence of which got
  /// its token: valid while all that runs decodes and nothing waits. False: schedule() must decide.
  bool repeat(Plan& plan);
  /// `to` starts as a running copy of `from`, whose prompt is complete; blocks are shared, the last
  /// partial one until one of the two writes to it.
  void fork(Sequence& from, Sequence& to);
  void append(Sequence& sequence, Token token);
  /// `n` drafted tokens of the last step were appended: what was computed of them stands.
  void verified(Sequence& sequence, int n);
  /// Ended or cancelled, in whatever state: its blocks are released.
  void remove(Sequence& sequence);

  int n_running() const { return static_cast<int>(running_.size()); }
  int n_waiting() const { return waiting_.size(); }
  bool idle() const { return running_.empty() && waiting_.empty(); }
  uint64_t preemptions() const { return preemptions_; }
  const KvCache& cache() const { return cache_; }
  KvCache& cache() { return cache_; }
  const SchedulerOptions& options() const { return options_; }
  const StepCost& cost() const { return cost_; }
  const TenantService& service() const { return service_; }
  std::span<Sequence* const> running() const { return running_; }

 private:
  void schedule_decodes(Plan& plan);
  void add_drafts(Plan& plan);
  void advance(Sequence& sequence, int n_past);
  bool schedule_prompts(Plan& plan);
  void admit_waiting(Plan& plan);
  bool admit(Sequence& sequence, Plan& plan);
  int chunk(const Sequence& sequence, const Plan& plan) const;
  int within_target(const Sequence& sequence, const Plan& plan, int n) const;
  bool grow(Sequence& sequence, int n_token);
  bool copies(const Sequence& sequence) const;
  KvRoom growth(const Sequence& sequence, int n_token) const;
  KvRoom promise(const Sequence& sequence) const;
  KvRoom reserve(int least) const;
  int reachable(const Sequence& sequence) const;
  void match_prefix(Sequence& sequence);
  Sequence* victim() const;
  void preempt(Sequence& sequence);
  void put(Sequence& sequence, int n_token, Plan& plan);
  int spare_marks() const;
  void add_snapshots(Sequence& sequence, int n_token);
  int add_checkpoints(Sequence& sequence, int n);
  void keep_snapshots(const Plan::Item& item);
  void drop_state(Sequence& sequence);
  int seats() const;

  SchedulerOptions options_;
  KvCache cache_;
  StepCost cost_;
  TenantService service_;
  std::vector<Sequence*> running_;   // first in order first
  WaitingQueue waiting_;
  std::vector<Sequence*> prompts_;   // of the step being planned, least served tenant first
  bool changed_ = true;              // since the last plan: who runs is not who was planned
  int n_mark_ = 0;                   // slots that are marks of running sequences
  uint64_t preemptions_ = 0;
};

}  // namespace strata::engine
