#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace strata::engine {

namespace {

int blocks_for(int n_token) { return (n_token + kBlock - 1) / kBlock; }

bool in_order(const Sequence* a, const Sequence* b) { return before(*a, *b); }

void insert_sorted(std::vector<Sequence*>& list, Sequence& sequence) {
  list.insert(std::upper_bound(list.begin(), list.end(), &sequence, in_order), &sequence);
}

void erase_sorted(std::vector<Sequence*>& list, Sequence& sequence) {
  auto found = std::lower_bound(list.begin(), list.end(), &sequence, in_order);
  STRATA_CHECK(found != list.end() && *found == &sequence);
  list.erase(found);
}

/// Rows of prompt logits are wanted until the prompt is complete.
bool scores(const Sequence& s) { return s.score_prompt && s.n_past < s.n_prompt; }

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, PageIo& io, TierStore* tiers)
    : options_(options),
      cache_(options.kv, options.prefix_caching, io, tiers, options.n_state) {
  STRATA_CHECK(options.n_state == 0 || options.n_state >= options.max_num_seqs);
  STRATA_CHECK(options.max_num_seqs > 0);
  STRATA_CHECK(options.max_num_seqs <= options.max_num_batched_tokens);
  STRATA_CHECK(options.max_num_seqs <= options.max_logits);
  running_.reserve(options.max_num_seqs);
  prompts_.reserve(options.max_num_seqs);
}

bool Scheduler::fits(int n_total) const { return n_total - 1 <= options_.kv.positions(); }

void Scheduler::add(Sequence& s) {
  STRATA_CHECK(s.state == Sequence::State::idle && !s.tokens.empty());
  STRATA_CHECK(fits(s.n_total_max) && s.n_unforked < options_.max_num_seqs);
  s.state = Sequence::State::waiting;
  waiting_.insert(s);
  service_.enter(s.tenant);
}

void Scheduler::schedule(Plan& plan) {
  plan.items.clear();
  plan.n_token = plan.n_logits = plan.n_decode = 0;
  plan.load = {};
  uint64_t preemptions = preemptions_;
  schedule_decodes(plan);
  plan.n_decode = static_cast<int>(plan.items.size());
  add_drafts(plan);
  plan.decode_load = plan.load;
  // A newcomer must not take the room that something already running lacks.
  if (schedule_prompts(plan) && preemptions == preemptions_) admit_waiting(plan);
  for (const Plan::Item& item : plan.items) item.sequence->planned = false;
  changed_ = false;
}

bool Scheduler::repeat(Plan& plan) {
  if (changed_ || !waiting_.empty() || plan.n_decode != static_cast<int>(running_.size()))
    return false;
  // All or nothing: whoever cannot grow leaves the choice of a victim to schedule().
  KvRoom needed;
  for (const Sequence* s : running_) {
    if (s->n_left() != 1 || !s->draft.empty()) return false;
    needed += growth(*s, 1);
  }
  if (!cache_.available().covers(needed) || plan.n_token != plan.n_decode) return false;
  plan.load = {};
  for (Plan::Item& item : plan.items) {
    STRATA_CHECK(grow(*item.sequence, 1));
    item.first = item.sequence->n_past;
    add_snapshots(*item.sequence, 1);
    plan.load.add(1, item.first);
  }
  plan.decode_load = plan.load;
  return true;
}

void Scheduler::schedule_decodes(Plan& plan) {
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    if (s.n_left() != 1 || chunk(s, plan) == 0) continue;
    while (!grow(s, 1)) {
      Sequence* last = victim();
      preempt(*last);
      if (last == &s) return;   // it was the last in order: nothing follows
    }
    put(s, 1, plan);
  }
}

/// Drafts take the tokens and blocks that nobody needs for sure.
void Scheduler::add_drafts(Plan& plan) {
  bool any = false;
  for (Plan::Item& item : plan.items) {
    Sequence& s = *item.sequence;
    int n = std::min({static_cast<int>(s.draft.size()),
                      options_.max_num_batched_tokens - plan.n_token,
                      options_.max_logits - plan.n_logits});
    if (n > 0 && !(cache_.available() - reserve(0)).covers(growth(s, 1 + n))) n = 0;
    if (n > 0) n = add_checkpoints(s, n);
    s.draft.resize(std::max(n, 0));
    if (n <= 0) continue;
    STRATA_CHECK(grow(s, 1 + n));
    item.n_token += n;
    item.n_logits += n;
    item.n_draft = n;
    plan.n_token += n;
    plan.n_logits += n;
    any = true;
  }
  if (!any) return;
  plan.load = {};
  for (const Plan::Item& item : plan.items) plan.load.add(item.n_token, item.first);
}

/// False if a sequence had to go without for want of blocks.
bool Scheduler::schedule_prompts(Plan& plan) {
  prompts_.clear();
  for (Sequence* s : running_)
    if (!s->planned && s->n_left() > 1) prompts_.push_back(s);
  std::stable_sort(prompts_.begin(), prompts_.end(), [&](const Sequence* a, const Sequence* b) {
    if (a->priority != b->priority) return a->priority < b->priority;
    return service_.served(a->tenant) < service_.served(b->tenant);
  });
  bool satisfied = true;
  for (Sequence* prompt : prompts_) {
    Sequence& s = *prompt;
    if (s.state != Sequence::State::running) continue;   // preempted meanwhile
    int n = chunk(s, plan);
    while (n > 0 && !grow(s, n)) {
      satisfied = false;
      Sequence* last = victim();
      if (before(s, *last))
        preempt(*last);
      else
        n = std::min(n, reachable(s));
    }
    if (n > 0) put(s, n, plan);
  }
  return satisfied;
}

void Scheduler::admit_waiting(Plan& plan) {
  // Strictly in order: a big request at the head is never overtaken, so it cannot starve.
  while (!waiting_.empty()) {
    Sequence& s = *waiting_.front(service_);
    if (seats() + 1 + s.n_unforked > options_.max_num_seqs || !admit(s, plan)) return;
  }
}

bool Scheduler::admit(Sequence& s, Plan& plan) {
  if (plan.n_token == options_.max_num_batched_tokens) return false;
  match_prefix(s);
  auto give_up = [&] {
    cache_.release(s.table);
    s.n_past = s.n_committed = 0;
    return false;
  };
  if (chunk(s, plan) == 0) return give_up();
  // Admit what can be computed to its last known token without taking from others.
  if (!running_.empty()) {
    KvRoom promised = reserve(1);
    for (const Sequence* running : running_) promised += promise(*running);
    if (!(cache_.available() - promised).covers(promise(s))) return give_up();
  }
  if (!scores(s)) {
    const std::span<const Token> tokens(s.tokens.data(), s.tokens.size() - 1);
    s.n_past += cache_.copy_lead(tokens.subspan(s.n_past), s.salt, s.table);
  }
  const int n = std::min(chunk(s, plan), reachable(s));
  if (n == 0) return give_up();   // one token is left, and no row of logits for it
  if (cache_.states()) s.state_slot = cache_.take_state(s.table);
  STRATA_CHECK(grow(s, n));
  if (s.n_cached < 0) s.n_cached = s.n_past;
  waiting_.erase(s);
  s.state = Sequence::State::running;
  insert_sorted(running_, s);
  put(s, n, plan);
  return true;
}

/// Takes over the blocks that hold leading tokens already; at least one token is left to compute,
/// since its logits are needed.
void Scheduler::match_prefix(Sequence& s) {
  STRATA_CHECK(s.table.blocks.empty() && s.n_past == 0);
  if (scores(s)) return;
  s.n_known = cache_.match(std::span(s.tokens).first(s.tokens.size() - 1), s.salt, s.table);
  s.n_committed = s.table.size();
  s.n_past = s.n_committed * kBlock;
}

/// Tokens that budget and logits rows leave for it.
int Scheduler::chunk(const Sequence& s, const Plan& plan) const {
  int n = std::min(s.n_left(), options_.max_num_batched_tokens - plan.n_token);
  if (n > 1) n = within_target(s, plan, n);
  int rows = options_.max_logits - plan.n_logits;
  if (scores(s)) return std::min(n, rows);
  return n == s.n_left() && rows == 0 ? n - 1 : n;
}

/// While others decode, a prompt takes what keeps the step within the target.
int Scheduler::within_target(const Sequence& s, const Plan& plan, int n) const {
  if (options_.itl_target_s <= 0 || plan.n_decode == 0) return n;
  const double alone = kStretch * cost_.predict(plan.decode_load);
  const int fits =
      cost_.tokens_within(std::max(kAim * options_.itl_target_s, alone), plan.load, s.n_past, n);
  const int due = std::max(0, kChunkMin - (plan.n_token - plan.n_decode));
  return std::max(fits, std::min(n, due));
}

/// The block it goes on in is also another one's.
bool Scheduler::copies(const Sequence& s) const {
  return s.n_past % kBlock != 0 && cache_.shared(s.table.blocks[s.n_past / kBlock]);
}

/// To be allocated before `n_token` more tokens can be written.
KvRoom Scheduler::growth(const Sequence& s, int n_token) const {
  const int n = blocks_for(s.n_past + n_token) - s.table.size();
  return options_.kv.whole(std::max(n, 0) + (copies(s) ? 1 : 0));
}

/// Tokens it can write with what there is.
int Scheduler::reachable(const Sequence& s) const {
  const KvRoom room = cache_.available() - growth(s, 0);
  const int pages = options_.kv.block_pages();
  const int64_t blocks = pages > 0 ? std::min(room.blocks, room.pages / pages) : room.blocks;
  return static_cast<int>(std::max<int64_t>(0, (s.table.size() + blocks) * kBlock - s.n_past));
}

bool Scheduler::grow(Sequence& s, int n_token) {
  if (!cache_.available().covers(growth(s, n_token))) return false;
  if (copies(s)) STRATA_CHECK(cache_.make_own(s.table, s.n_past / kBlock));
  while (s.table.size() < blocks_for(s.n_past + n_token)) STRATA_CHECK(cache_.extend(s.table));
  return true;
}

/// What it still needs for its known tokens and the sequences to fork.
KvRoom Scheduler::promise(const Sequence& s) const {
  const int n = std::min(s.n_left(), options_.max_num_batched_tokens);
  KvRoom room = options_.kv.growth(s.table, blocks_for(s.n_past + s.n_left()), n);
  room += options_.kv.whole(s.n_unforked + (copies(s) ? 1 : 0));
  return room;
}

/// What admission leaves free.
KvRoom Scheduler::reserve(int least) const {
  const KvShape& kv = options_.kv;
  return {kv.n_block / kReserve + least, kv.n_page / kReserve + least * kv.block_pages()};
}

int Scheduler::seats() const {
  int n = 0;
  for (const Sequence* s : running_) n += 1 + s->n_unforked;
  return n;
}

/// The last in order of those not in the step yet.
Sequence* Scheduler::victim() const {
  for (size_t i = running_.size(); i-- > 0;)
    if (!running_[i]->planned) return running_[i];
  STRATA_CHECK(false);
  return nullptr;
}

void Scheduler::preempt(Sequence& s) {
  erase_sorted(running_, s);
  cache_.preempt(s.table);
  drop_state(s);
  s.draft.clear();
  s.n_past = s.n_committed = 0;
  s.state = Sequence::State::waiting;
  waiting_.insert(s);
  ++preemptions_;
  changed_ = true;
}

void Scheduler::put(Sequence& s, int n_token, Plan& plan) {
  Plan::Item item{&s, s.n_past, n_token, 0, 0, n_token == s.n_left()};
  item.n_logits = scores(s) ? n_token : item.samples ? 1 : 0;
  s.planned = true;
  add_snapshots(s, n_token);
  plan.items.push_back(item);
  plan.n_token += item.n_token;
  plan.n_logits += item.n_logits;
  plan.load.add(n_token, item.first);
}

void Scheduler::computed(const Plan& plan) {
  for (const Plan::Item& item : plan.items) {
    service_.charge(item.sequence->tenant, item.n_token);
    advance(*item.sequence, item.first + item.n_token - item.n_draft);
    keep_snapshots(item);
  }
}

void Scheduler::verified(Sequence& s, int n) {
  STRATA_CHECK(n >= 0 && n <= static_cast<int>(s.draft.size()) && n < s.n_left());
  advance(s, s.n_past + n);
  if (!cache_.states()) return;
  // The state after the accepted tokens is a checkpoint's, unless all were accepted.
  if (n < static_cast<int>(s.marks.size())) std::swap(s.state_slot, s.marks[n].slot);
  for (const graph::StateMark& mark : s.marks) cache_.give_state(mark.slot);
  n_mark_ -= static_cast<int>(s.marks.size());
  s.marks.clear();
}

/// Slots that marks may still take, without those of which sequences may be in need.
int Scheduler::spare_marks() const {
  return options_.n_state - options_.max_num_seqs - n_mark_;
}

/// The step that computes `n_token` more tokens leaves snapshots on its way.
void Scheduler::add_snapshots(Sequence& s, int n_token) {
  if (!cache_.states() || !options_.prefix_caching) return;
  const int wanted = (s.n_prompt - 1) / kBlock;   // where the same prompt would go on
  for (int b = s.n_past / kBlock + 1; b * kBlock <= s.n_past + n_token; ++b) {
    if (b != wanted && b % kSnapshotBlocks != 0) continue;
    const int32_t slot = spare_marks() > 0 ? cache_.take_snapshot() : -1;
    if (slot < 0) return;
    s.marks.push_back({b * kBlock - s.n_past, slot});
    ++n_mark_;
  }
}

/// A state before each of `n` drafted tokens, to fall back to. Returns for how many there is room.
int Scheduler::add_checkpoints(Sequence& s, int n) {
  if (!cache_.states()) return n;
  for (int i = 0; i < n; ++i) {
    const int32_t slot = spare_marks() > 0 ? cache_.take_checkpoint() : -1;
    if (slot < 0) return i;
    s.marks.push_back({1 + i, slot});
    ++n_mark_;
  }
  return n;
}

/// The snapshots of a computed step; checkpoints stay until the drafts are verified.
void Scheduler::keep_snapshots(const Plan::Item& item) {
  Sequence& s = *item.sequence;
  const size_t n = s.marks.size() - static_cast<size_t>(cache_.states() ? item.n_draft : 0);
  for (size_t i = 0; i < n; ++i) {
    const int end = (item.first + s.marks[i].n_token) / kBlock;
    cache_.keep_state(s.table.blocks[end - 1], s.marks[i].slot);
  }
  n_mark_ -= static_cast<int>(n);
  s.marks.erase(s.marks.begin(), s.marks.begin() + static_cast<std::ptrdiff_t>(n));
}

void Scheduler::drop_state(Sequence& s) {
  if (s.state_slot < 0) return;
  cache_.give_state(s.state_slot);
  s.state_slot = -1;
  for (const graph::StateMark& mark : s.marks) cache_.give_state(mark.slot);
  n_mark_ -= static_cast<int>(s.marks.size());
  s.marks.clear();
}

/// Full blocks enter the prefix tree; what no window reaches any more is let go of.
void Scheduler::advance(Sequence& s, int n_past) {
  s.n_past = n_past;
  for (; (s.n_committed + 1) * kBlock <= s.n_past; ++s.n_committed) {
    std::span<const Token> tokens(s.tokens);
    cache_.commit(tokens.subspan(size_t(s.n_committed) * kBlock, kBlock), s.salt, s.table,
                  s.n_committed);
  }
  // The same prompt would go on at its last full block, another one where the tree's match ended.
  const int ends[] = {(s.n_prompt - 1) / kBlock, s.n_known};
  cache_.pass(s.table, s.n_past, ends);
}

void Scheduler::fork(Sequence& from, Sequence& to) {
  STRATA_CHECK(from.state == Sequence::State::running && to.state == Sequence::State::idle);
  STRATA_CHECK(from.n_unforked > 0 && from.n_left() == 0);
  --from.n_unforked;
  to.tokens.reserve(from.tokens.capacity());
  to.tokens.assign(from.tokens.begin(), from.tokens.end());
  to.n_past = from.n_past;
  to.n_cached = from.n_cached;
  to.n_committed = from.n_committed;
  cache_.share(from.table, to.table);
  if (cache_.states()) to.state_slot = cache_.fork_state(from.state_slot);
  to.state = Sequence::State::running;
  insert_sorted(running_, to);
  service_.enter(to.tenant);
  changed_ = true;
}

void Scheduler::append(Sequence& s, Token token) {
  STRATA_CHECK(s.state == Sequence::State::running && s.n_tokens() < s.n_total_max);
  s.tokens.push_back(token);
}

void Scheduler::remove(Sequence& s) {
  if (s.state == Sequence::State::running) erase_sorted(running_, s);
  if (s.state == Sequence::State::waiting) waiting_.erase(s);
  if (s.state != Sequence::State::idle) service_.leave(s.tenant);
  changed_ = true;
  s.state = Sequence::State::idle;
  cache_.release(s.table);
  drop_state(s);
  s.n_past = s.n_committed = 0;
}

}  // namespace strata::engine
