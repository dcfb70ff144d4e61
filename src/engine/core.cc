#include "engine/core.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"

namespace strata::engine {

Core::Core(StepExecutor& executor, const CoreOptions& options)
    : executor_(&executor), options_(options),
      scheduler_(options.scheduler, executor, options.tiers),
      sampler_(executor.n_vocab(), executor.pool()),
      drafter_(options.speculation, options.num_speculative_tokens, options.draft_model) {
  tokens_.reserve(options.scheduler.max_num_batched_tokens);
  batch_.reserve(options.scheduler.max_num_seqs);
  rows_.reserve(options.scheduler.max_logits);
  targets_.reserve(options.scheduler.max_logits);
}

void Core::add(std::unique_ptr<LiveRequest> request) {
  uint64_t id = request->id;
  const double now = options_.now(), deadline = request->request.deadline_s;
  for (LiveSequence& live : request->sequences) {
    live.sequence.due = now + (deadline > 0 ? deadline : kPatience);
    if (options_.policy == SchedulingPolicy::fcfs) {
      live.sequence.priority = 0;
      live.sequence.tenant = 0;
      live.sequence.due = 0;
    }
  }
  if (deadline > 0) deadlines_.emplace(now + deadline, id);
  LiveRequest& r = *requests_.emplace(id, std::move(request)).first->second;
  const uint64_t ticket = fetch_prefix(r.leader().sequence);
  if (ticket != 0)
    loading_.push_back({ticket, id});
  else
    scheduler_.add(r.leader().sequence);
}

/// Has the files of a prompt's blocks read, where that is quicker than computing them. 0: no need.
uint64_t Core::fetch_prefix(const Sequence& s) {
  if (!options_.tiers || s.score_prompt) return 0;
  auto wanted = scheduler_.cache().on_disk(std::span(s.tokens).first(s.tokens.size() - 1), s.salt,
                                           options_.tiers->ram_capacity() / 2);
  if (wanted.files.empty()) return 0;
  const StepCost& cost = scheduler_.cost();
  const double load = options_.tiers->stats().load_s_per_block * double(wanted.files.size());
  if (cost.known() && load > cost.marginal(wanted.n_token, 0)) return 0;
  return options_.tiers->fetch(std::move(wanted.files));
}

/// Requests whose files have come join the queue.
void Core::join_loaded() {
  std::erase_if(loading_, [&](const Loading& l) {
    LiveRequest* r = find(l.id);
    if (r && options_.tiers->pending(l.ticket)) return false;
    if (r) scheduler_.add(r->leader().sequence);
    return true;
  });
}

/// Ends what is past its deadline.
void Core::expire(double now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    LiveRequest* r = find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    if (r) end_all(*r, Finish::expired, {});
  }
  sweep();
}

LiveRequest* Core::find(uint64_t id) {
  auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second.get();
}

void Core::cancel(uint64_t id) {
  if (LiveRequest* r = find(id)) end_all(*r, Finish::cancelled, {});
  sweep();
}

void Core::finish(uint64_t id, int index) {
  LiveRequest* r = find(id);
  if (!r || index < 0 || index >= r->request.n || r->sequences[index].ended) return;
  end(*r, index);
  deliver(*r, index, blank_event(Finish::stop));
  if (r->n_live == 0) ++stats_.requests_finished;
  sweep();
}

void Core::cancel_all() {
  for (auto& [id, r] : requests_) end_all(*r, Finish::cancelled, {});
  sweep();
}

/// Those that decode get drafts for the next step, where that pays.
void Core::draft() {
  drafting_s_ = 0;
  if (!drafter_.enabled()) return;
  const double start = options_.now();
  StepLoad decodes;
  int n_decode = 0;
  for (const Sequence* s : scheduler_.running())
    if (s->n_left() == 1) {
      decodes.add(1, s->n_past);
      ++n_decode;
    }
  drafter_.begin_step(scheduler_.cost(), decodes, n_decode);
  if (!drafter_.worthwhile()) return;
  for (Sequence* s : scheduler_.running()) {
    if (s->n_left() != 1) continue;
    LiveRequest& r = *find(s->request);
    if (r.prompt_done) drafter_.draft(r.sequences[s->index].draft, *s);
  }
  drafter_.draft_by_model();
  drafting_s_ = options_.now() - start;
}

/// While nothing changes but that everybody gets a token, a plan serves for several steps.
void Core::plan() {
  draft();
  if (repeats_ > 0 && repeats_ < options_.multi_step && scheduler_.repeat(plan_)) {
    ++repeats_;
    return;
  }
  scheduler_.schedule(plan_);
  STRATA_CHECK(!plan_.items.empty());
  for (const Plan::Item& item : plan_.items) admitted(*find(item.sequence->request));
  repeats_ = 1;
}

void Core::step() {
  const double start = options_.now();
  expire(start);
  join_loaded();
  if (scheduler_.idle()) {
    constexpr double kPatienceS = 0.002;   // commands are looked at in between
    if (!loading_.empty()) options_.tiers->wait(kPatienceS);
    return;
  }
  plan();
  ++stats_.steps;
  std::string error;
  compute(error);
  if (error.empty()) {
    deliver_rows();
    deliver_prompt_only();
    scheduler_.observe(plan_.load, options_.now() - start - drafting_s_);
  } else {
    repeats_ = 0;
    log::error("a step failed: {}", error);
    for (const Plan::Item& item : plan_.items)
      end_all(*find(item.sequence->request), Finish::error, error);
  }
  for (uint64_t id : broken_)
    if (LiveRequest* r = find(id)) end_all(*r, Finish::cancelled, {});
  broken_.clear();
  sweep();
  stats_.step_seconds += options_.now() - start;
}

/// Runs the batch and samples; whatever is thrown becomes `error`, and nothing was delivered then.
void Core::compute(std::string& error) {
  rows_.clear();
  targets_.clear();
  prompt_only_.clear();
  try {
    const float* logits = run();
    scheduler_.computed(plan_);
    int64_t n_vocab = executor_->n_vocab();
    for (const Plan::Item& item : plan_.items) {
      LiveRequest& r = *find(item.sequence->request);
      collect_scores(item, r, logits);
      logits += item.n_logits * n_vocab;
      if (!item.samples) continue;
      const float* last = logits - n_vocab;
      if (item.n_draft > 0) {
        collect_drafts(r, item, logits - item.n_logits * n_vocab);
        continue;
      }
      if (r.prompt_done) {
        collect_samples(r, item.sequence->index, last);
        continue;
      }
      complete_prompt(r);
      // All n sequences draw their first token from the same row.
      for (int i = 0; i < r.request.n; ++i)
        if (r.n_output_max > 0 && !r.sequences[i].ended) collect_samples(r, i, last);
      if (r.n_output_max == 0) prompt_only_.push_back(&r);
    }
    sampler_.run(rows_);
  } catch (const std::exception& e) {
    error = *e.what() ? e.what() : "unknown error";
  }
}

const float* Core::run() {
  tokens_.clear();
  batch_.clear();
  for (const Plan::Item& item : plan_.items) {
    const Sequence& s = *item.sequence;
    batch_.push_back(
        {int64_t(tokens_.size()), item.n_token, item.first, s.table.blocks, item.n_logits,
         s.state_slot, s.marks});
    auto first = s.tokens.begin() + item.first;
    tokens_.insert(tokens_.end(), first, first + item.n_token - item.n_draft);
    tokens_.insert(tokens_.end(), s.draft.begin(), s.draft.begin() + item.n_draft);
  }
  const double start = options_.now();
  const float* logits = executor_->run({tokens_, batch_, scheduler_.cache().pages().map()});
  stats_.compute_seconds += options_.now() - start;
  return logits;
}

/// Rows of the prompt give the log-probability of the prompt token after them.
void Core::collect_scores(const Plan::Item& item, LiveRequest& r, const float* logits) {
  if (!item.sequence->score_prompt) return;
  int64_t n_vocab = executor_->n_vocab();
  int first = item.first + item.n_token - item.n_logits;
  for (int i = 0; i < item.n_logits && first + i + 1 < r.n_prompt; ++i) {
    SampleRow& row = rows_.emplace_back();
    row.logits = logits + i * n_vocab;
    row.logprobs = r.request.prompt_logprobs;
    row.out.token = item.sequence->tokens[first + i + 1];
    targets_.push_back({&r, 0, first + i + 1});
  }
}

void Core::collect_samples(LiveRequest& r, int index, const float* logits) {
  LiveSequence& live = r.sequences[index];
  SampleRow& row = rows_.emplace_back();
  row.logits = logits;
  row.state = &live.sampler;
  row.n_generated = live.sequence.n_generated();
  row.logprobs = r.request.sampling.logprobs;
  targets_.push_back({&r, index, -1});
}

/// The sequence's own last token, then its drafts.
void Core::collect_drafts(LiveRequest& r, const Plan::Item& item, const float* logits) {
  const int index = item.sequence->index, first = static_cast<int>(rows_.size());
  for (int i = 0; i < item.n_logits; ++i)
    collect_samples(r, index, logits + i * int64_t(executor_->n_vocab()));
  for (int i = 0; i < item.n_logits; ++i) {
    rows_[first + i].n_generated += i;
    if (i < item.n_draft) rows_[first + i].draft = item.sequence->draft[i];
  }
}

/// The other sequences start from the first one's prompt.
void Core::complete_prompt(LiveRequest& r) {
  Sequence& leader = r.leader().sequence;
  r.prompt_done = true;
  leader.score_prompt = false;
  stats_.prompt_tokens += r.n_prompt;
  stats_.cached_tokens += leader.n_cached;
  for (int i = 0; i < r.request.n; ++i) {
    if (r.sequences[i].ended) continue;
    if (i > 0) scheduler_.fork(leader, r.sequences[i].sequence);
    r.sequences[i].sampler.begin(leader.tokens);
  }
  if (r.leader().ended) scheduler_.remove(leader);
}

void Core::deliver_rows() {
  for (size_t i = 0; i < rows_.size(); ++i) {
    auto [r, index, position] = targets_[i];
    size_t end = i + 1;
    while (rows_[end - 1].draft >= 0) ++end;
    std::span<SampleRow> run(&rows_[i], end - i);
    i = end - 1;
    if (position >= 0) {
      if (run[0].finite)
        r->prompt_scores[position] = std::move(run[0].out);
      else
        deliver_failure(*r, index, position);
    } else if (!r->sequences[index].ended) {
      deliver_samples(*r, index, run);
    }
  }
}

void Core::deliver_failure(LiveRequest& r, int index, int position) {
  static const std::string kNotFinite = "the model produced no finite logits";
  const Constraint* constraint = r.sequences[index].sampler.constraint();
  const std::string refusal = constraint ? constraint->error() : std::string();
  const std::string& error = refusal.empty() ? kNotFinite : refusal;
  if (position >= 0) return end_all(r, Finish::error, error);
  end(r, index);
  deliver(r, index, blank_event(Finish::error, error));
  if (r.n_live == 0) ++stats_.requests_failed;
}

/// One token, or a token and those drafted after it that were right.
void Core::deliver_samples(LiveRequest& r, int index, std::span<SampleRow> run) {
  LiveSequence& live = r.sequences[index];
  Sequence& s = live.sequence;
  if (!run[0].finite) return deliver_failure(r, index, -1);
  Event& event = blank_event();
  int n_new = 0;
  bool failed = false;
  for (SampleRow& row : run) {
    if (!row.reached || event.finish != Finish::none) break;
    failed = !row.finite;
    if (failed) break;
    take(r, live, std::move(row.out), row.complete, event);
    ++n_new;
  }
  stats_.generated_tokens += n_new;
  if (!s.draft.empty()) {
    const int drafted = static_cast<int>(run.size()) - 1;
    stats_.draft_tokens += drafted;
    stats_.accepted_tokens += n_new - 1;
    drafter_.verified(live.draft, drafted, n_new - 1);
    scheduler_.verified(s, n_new - 1);
    s.draft.clear();
  }
  if (index == 0 && s.n_generated() == n_new) event.prompt = std::move(r.prompt_scores);
  if (!failed) append_forced(r, live, event);
  if (failed && event.finish == Finish::none) {
    deliver(r, index, event);
    return deliver_failure(r, index, -1);
  }
  if (event.finish != Finish::none) {
    drafter_.remember(std::span(s.tokens).subspan(s.n_prompt));
    end(r, index);
  }
  deliver(r, index, event);
  if (r.n_live == 0) ++stats_.requests_finished;
}

/// The sequence has one token more, which may end it; `complete`: the constraint says so.
void Core::take(LiveRequest& r, LiveSequence& live, Generated token, bool complete,
                Event& event) {
  Sequence& s = live.sequence;
  const Token id = token.token;
  scheduler_.append(s, id);
  const int n = s.n_generated();
  if (live.sampler.stops(id) && n > r.request.sampling.min_tokens) {
    event.finish = Finish::stop;
    event.stop_token = id;
    return;
  }
  event.tokens.push_back(std::move(token));
  if (complete)
    event.finish = Finish::stop;
  else if (n == r.n_output_max)
    event.finish = Finish::length;
}

/// What the constraint leaves no choice about is appended without sampling; the next step computes
/// it at once, as if it were a prompt. Where log-probabilities are wanted each token needs its row.
void Core::append_forced(LiveRequest& r, LiveSequence& live, Event& event) {
  Constraint* constraint = live.sampler.constraint();
  if (!constraint || r.request.sampling.logprobs >= 0) return;
  forced_.clear();
  if (event.finish == Finish::none) constraint->forced(forced_);
  for (Token token : forced_) {
    if (event.finish != Finish::none) return;
    live.sampler.accept(token);
    Generated generated;
    generated.token = token;
    take(r, live, std::move(generated), constraint->finished(), event);
    ++stats_.generated_tokens;
    ++stats_.forced_tokens;
  }
}

void Core::deliver_prompt_only() {
  for (LiveRequest* r : prompt_only_) {
    if (r->n_live == 0) continue;
    for (int i = 0; i < r->request.n; ++i) {
      if (r->sequences[i].ended) continue;
      Event& event = blank_event(Finish::length);
      if (i == 0) event.prompt = std::move(r->prompt_scores);
      end(*r, i);
      deliver(*r, i, event);
    }
    ++stats_.requests_finished;
  }
}

/// One event at a time is under way: its memory is used again.
Event& Core::blank_event(Finish finish, const std::string& error) {
  event_.tokens.clear();
  event_.prompt.clear();
  event_.finish = finish;
  event_.error = error;
  event_.stop_token = -1;
  return event_;
}

void Core::deliver(LiveRequest& r, int index, Event& event) {
  const Sequence& s = r.sequences[index].sequence;
  event.id = r.id;
  event.index = index;
  event.usage = {r.n_prompt, std::max(r.leader().sequence.n_cached, 0),
                 std::max(s.n_generated(), 0)};
  if (!r.on_event) return;
  try {
    r.on_event(event);
  } catch (const std::exception& e) {
    // The contract forbids it; the other requests must not suffer.
    log::error("the receiver of request {} failed, it is cancelled: {}", r.id, e.what());
    r.on_event = nullptr;
    broken_.push_back(r.id);
  }
}

void Core::end(LiveRequest& r, int index) {
  LiveSequence& live = r.sequences[index];
  live.ended = true;
  drafter_.release(live.draft);
  --r.n_live;
  if (r.prompt_done)
    scheduler_.remove(live.sequence);
  else if (index > 0)
    --r.leader().sequence.n_unforked;
  // Before the fork the first sequence computes the prompt for the others, even if it has ended.
  if (r.n_live > 0) return;
  scheduler_.remove(r.leader().sequence);
  admitted(r);
  swept_.push_back(r.id);
  ++n_ended_;
}

void Core::end_all(LiveRequest& r, Finish finish, const std::string& error) {
  if (r.n_live == 0) return;
  for (int i = 0; i < r.request.n; ++i) {
    if (r.sequences[i].ended) continue;
    end(r, i);
    deliver(r, i, blank_event(finish, error));
  }
  ++(finish == Finish::error     ? stats_.requests_failed
     : finish == Finish::expired ? stats_.requests_expired
                                 : stats_.requests_cancelled);
}

void Core::admitted(LiveRequest& r) {
  if (r.admitted) return;
  r.admitted = true;
  ++n_admitted_;
}

/// Requests are destroyed only here: the rows of a step point into them.
void Core::sweep() {
  for (uint64_t id : swept_) requests_.erase(id);
  swept_.clear();
}

EngineStats Core::stats() const {
  EngineStats s = stats_;
  const KvCache& cache = scheduler_.cache();
  s.running = scheduler_.n_running();
  s.waiting = scheduler_.n_waiting();
  s.kv_blocks_total = cache.total();
  s.kv_blocks_used = cache.used();
  s.kv_blocks_cached = cache.cached();
  const int64_t page = static_cast<int64_t>(executor_->page_bytes());
  const int64_t n_page = cache.shape().n_page;
  s.kv_bytes_total = page * n_page;
  s.kv_bytes_used = page * (n_page - cache.available().pages);
  s.kv_bytes_cached = page * (cache.available().pages - cache.pages().free());
  if (const StateSlots* states = cache.states()) {
    s.state_slots_total = states->total();
    s.state_slots_used = states->used();
    s.state_slots_cached = states->cached();
  }
  s.preemptions = scheduler_.preemptions();
  if (options_.tiers) s.tiers = options_.tiers->stats();
  return s;
}

}  // namespace strata::engine
