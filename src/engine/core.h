// The engine without its thread: requests in, steps, events out. Used by one thread only.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/live_request.h"
#include "engine/scheduler.h"
#include "engine/speculation/drafter.h"
#include "engine/step.h"

namespace strata::engine {

struct CoreOptions {
  SchedulerOptions scheduler = {};
  SchedulingPolicy policy = SchedulingPolicy::priority;
  int multi_step = 1;                       // steps that one schedule may serve
  Speculation speculation = Speculation::off;
  int num_speculative_tokens = 0;
  DraftModel* draft_model = nullptr;        // null: none; outlives the core
  TierStore* tiers = nullptr;               // null: none; outlives the core
  std::function<double()> now = now_s;      // seconds; a simulation brings its own
};

class Core {
 public:
  /// What has no deadline is ordered as if it were due this long after its arrival: requests with
  /// deadlines go first, but never forever.
  static constexpr double kPatience = 60;

  Core(StepExecutor& executor, const CoreOptions& options);

  void add(std::unique_ptr<LiveRequest> request);
  void cancel(uint64_t id);
  void finish(uint64_t id, int index);
  void cancel_all();

  /// Plans, computes and samples one step and delivers its events: one for each sequence that got a
  /// token or ended. What the executor throws ends the requests of the step with an error.
  void step();

  bool idle() const { return requests_.empty(); }
  const Scheduler& scheduler() const { return scheduler_; }
  EngineStats stats() const;
  /// Since the last call: requests that were first taken up, or ended without; requests that ended.
  int take_admitted() { return std::exchange(n_admitted_, 0); }
  int take_ended() { return std::exchange(n_ended_, 0); }

 private:
  struct Row {                  // where a row of logits goes
    LiveRequest* request;
    int index;                  // of the sequence, or
    int position;               // of the prompt token that it scores; -1: it is sampled
  };
  uint64_t fetch_prefix(const Sequence& sequence);
  void join_loaded();
  void draft();
  void plan();
  void expire(double now);
  void compute(std::string& error);
  const float* run();
  void collect_scores(const Plan::Item& item, LiveRequest& request, const float* logits);
  void collect_samples(LiveRequest& request, int index, const float* logits);
  void collect_drafts(LiveRequest& request, const Plan::Item& item, const float* logits);
  void complete_prompt(LiveRequest& request);
  void deliver_rows();
  void deliver_failure(LiveRequest& request, int index, int position);
  void deliver_samples(LiveRequest& request, int index, std::span<SampleRow> run);
  void take(LiveRequest& request, LiveSequence& live, Generated token, bool complete, Event& event);
  void append_forced(LiveRequest& request, LiveSequence& live, Event& event);
  void deliver_prompt_only();
  Event& blank_event(Finish finish = Finish::none, const std::string& error = {});
  void deliver(LiveRequest& request, int index, Event& event);
  void end(LiveRequest& request, int index);
  void end_all(LiveRequest& request, Finish finish, const std::string& error);
  void admitted(LiveRequest& request);
  void sweep();
  LiveRequest* find(uint64_t id);

  StepExecutor* executor_;
  CoreOptions options_;
  Scheduler scheduler_;
  Sampler sampler_;
  Drafter drafter_;
  std::unordered_map<uint64_t, std::unique_ptr<LiveRequest>> requests_;
  std::multimap<double, uint64_t> deadlines_;   // of requests that have one
  struct Loading {
    uint64_t ticket, id;
  };
  std::vector<Loading> loading_;                // requests whose prefix comes from files
  EngineStats stats_;
  double drafting_s_ = 0;                       // of the step under way
  int n_admitted_ = 0, n_ended_ = 0;

  // Of the current step; kept for their memory.
  Plan plan_;
  int repeats_ = 0;             // steps since the scheduler decided
  std::vector<Token> tokens_;
  std::vector<StepSequence> batch_;
  std::vector<SampleRow> rows_;
  Event event_;
  std::vector<Row> targets_;
  std::vector<Token> forced_;
  std::vector<LiveRequest*> prompt_only_;   // complete, and no output is wanted
  std::vector<uint64_t> broken_, swept_;    // the callback threw; all sequences have ended
};

}  // namespace strata::engine
