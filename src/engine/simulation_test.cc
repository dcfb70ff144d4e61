// The scheduler and the cache against an executor without kernels: random requests, cancels and
// pools of all sizes, with every invariant checked after each step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "engine/scheduler.h"
#include "engine/testing/fake_executor.h"
#include "engine/testing/random_shape.h"

namespace strata::engine {
namespace {

using testing::FakeKv;
using testing::mix;

struct SimRequest {
  std::deque<Sequence> sequences;
  std::vector<bool> done;
  int n_live() const { return static_cast<int>(std::count(done.begin(), done.end(), false)); }
};

struct Pages : FakeKv, PageIo {
  using FakeKv::FakeKv, FakeKv::write;
  void copy_state(int32_t from, int32_t to) override { FakeKv::copy_state(from, to); }
  void copy_page(int32_t from, int32_t to) override { copy(from, to); }
  size_t page_bytes() const override { return kBytes; }
  void read_page(int32_t page, uint8_t* out) const override { read(page, out); }
  void write_page(int32_t page, const uint8_t* bytes) override { write(page, bytes); }
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {
    options_.kv = testing::random_shape(pick(1, 40), [this](int a, int b) { return pick(a, b); });
    options_.max_num_batched_tokens = pick(1, 200);
    options_.max_logits = pick(1, options_.max_num_batched_tokens);
    options_.max_num_seqs = pick(1, options_.max_logits);
    options_.prefix_caching = pick(0, 4) > 0;
    // Every second model keeps a recurrent state, with more or less room for snapshots.
    if (pick(0, 1)) options_.n_state = options_.max_num_seqs + pick(0, 3) * pick(0, 10);
    kv_.emplace(options_.kv, options_.n_state);
    scheduler_.emplace(options_, *kv_);
    cancel_rate_ = pick(0, 3) == 0 ? 20 : 0;
    for (int i = 0, n = pick(1, 6); i < n; ++i) {
      std::vector<Token> family;
      for (int t = pick(1, 600); t > 0; --t) family.push_back(pick(0, 50));
      families_.push_back(family);
    }
  }

  void run(int n_request) {
    int to_come = n_request, rush = pick(1, 8);
    for (int64_t step = 0; to_come > 0 || !requests_.empty(); ++step) {
      ASSERT_LT(step, 200000) << "requests do not end";
      for (int i = pick(0, rush); i > 0 && to_come > 0; --i, --to_come) arrive();
      if (cancel_rate_ && pick(1, cancel_rate_) == 1) cancel_one();
      one_step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_TRUE(scheduler_->idle());
    EXPECT_EQ(scheduler_->cache().used(), 0);
    EXPECT_EQ(scheduler_->cache().available().pages, options_.kv.n_page);
    if (const StateSlots* states = scheduler_->cache().states()) {
      EXPECT_EQ(states->used(), 0);
    }
    EXPECT_EQ(ended_, accepted_);
  }

  uint64_t preemptions() const { return scheduler_->preemptions(); }
  int64_t cached_tokens = 0, prompt_tokens = 0;

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  void arrive() {
    std::vector<Token> prompt = families_[pick(0, int(families_.size()) - 1)];
    prompt.resize(pick(1, int(prompt.size())));
    for (int i = pick(0, 3) ? pick(0, 40) : pick(0, 200); i > 0; --i) prompt.push_back(pick(0, 50));
    int n = pick(0, 3) ? 1 : pick(1, std::min(5, options_.max_num_seqs));
    int total = int(prompt.size()) + pick(1, pick(0, 3) ? 50 : 300);
    if (!scheduler_->fits(total)) return;
    uint64_t id = ++accepted_;
    SimRequest& r = requests_[id];
    r.done.assign(n, false);
    int priority = pick(0, 4) ? 0 : pick(-2, 2);
    bool score = pick(0, 7) == 0;
    for (int i = 0; i < n; ++i) {
      Sequence& s = r.sequences.emplace_back();
      s.request = s.arrival = id;
      s.index = i;
      s.priority = priority;
      s.n_prompt = int(prompt.size());
      s.n_total_max = total;
    }
    Sequence& leader = r.sequences[0];
    leader.tokens = prompt;
    leader.n_unforked = n - 1;
    leader.score_prompt = score;
    scheduler_->add(leader);
  }

  void cancel_one() {
    if (requests_.empty()) return;
    auto it = requests_.begin();
    std::advance(it, pick(0, int(requests_.size()) - 1));
    for (Sequence& s : it->second.sequences) scheduler_->remove(s);
    requests_.erase(it);
    ++ended_;
  }

  void end(Sequence& s) {
    SimRequest& r = requests_.at(s.request);
    scheduler_->remove(s);
    r.done[s.index] = true;
    if (r.n_live() == 0) {
      requests_.erase(s.request);
      ++ended_;
    }
  }

  void one_step() {
    scheduler_->schedule(plan_);
    check_plan();
    check_blocks();
    if (::testing::Test::HasFatalFailure()) return;
    std::vector<Token> tokens;
    std::vector<StepSequence> batch;
    for (const Plan::Item& item : plan_.items) {
      const Sequence& s = *item.sequence;
      batch.push_back({int64_t(tokens.size()), item.n_token, item.first, s.table.blocks,
                       item.n_logits, s.state_slot, s.marks});
      tokens.insert(tokens.end(), s.tokens.begin() + item.first,
                    s.tokens.begin() + item.first + item.n_token);
    }
    const PageMap pages = scheduler_->cache().pages().map();
    std::vector<std::vector<uint64_t>> hashes(batch.size());
    for (size_t i = 0; i < batch.size(); ++i)
      ASSERT_NO_THROW(kv_->write(batch[i], tokens, pages, hashes[i]));
    scheduler_->computed(plan_);
    for (size_t i = 0; i < batch.size(); ++i) {
      Sequence& s = *plan_.items[i].sequence;
      if (!plan_.items[i].samples) continue;
      ASSERT_EQ(s.n_left(), 0);
      if (s.n_tokens() == s.n_prompt) {
        s.score_prompt = false;
        prompt_tokens += s.n_prompt;
        cached_tokens += s.n_cached;
      }
      SimRequest& r = requests_.at(s.request);
      std::vector<Sequence*> samples = {&s};
      for (int k = 1; s.n_unforked > 0; ++k) {
        scheduler_->fork(s, r.sequences[k]);
        samples.push_back(&r.sequences[k]);
        admitted_.insert(&r.sequences[k]);
      }
      for (Sequence* t : samples) {
        Token token = Token(mix(hashes[i].back(), t->index) % 50);
        scheduler_->append(*t, token);
        if (t->n_tokens() == t->n_total_max || token == 7) end(*t);
      }
    }
    check_blocks();
  }

  void check_plan() {
    if (!scheduler_->idle()) {
      ASSERT_FALSE(plan_.items.empty()) << "work, but no progress";
    }
    int n_token = 0, n_logits = 0, seats = 0;
    std::set<const Sequence*> seen;
    for (const Plan::Item& item : plan_.items) {
      const Sequence& s = *item.sequence;
      ASSERT_TRUE(seen.insert(&s).second);
      ASSERT_EQ(item.first, s.n_past);
      ASSERT_GT(item.n_token, 0);
      ASSERT_LE(item.n_token, s.n_left());
      ASSERT_EQ(item.samples, item.n_token == s.n_left());
      bool scores = s.score_prompt && item.first < s.n_prompt;
      ASSERT_EQ(item.n_logits, scores ? item.n_token : item.samples ? 1 : 0);
      n_token += item.n_token;
      n_logits += item.n_logits;
      for (int p = item.first; p < item.first + item.n_token; p += 1) {
        int32_t block = s.table.blocks[p / kBlock];
        ASSERT_EQ(scheduler_->cache().sequences(block), 1) << "writes to a shared block";
        ASSERT_FALSE(scheduler_->cache().in_tree(block)) << "writes to a cached block";
      }
    }
    ASSERT_EQ(n_token, plan_.n_token);
    ASSERT_EQ(n_logits, plan_.n_logits);
    ASSERT_LE(n_token, options_.max_num_batched_tokens);
    ASSERT_LE(n_logits, options_.max_logits);
    for (const Sequence* s : scheduler_->running()) seats += 1 + s->n_unforked;
    ASSERT_LE(seats, options_.max_num_seqs);

    // The first in order of those running gets on, whatever the others want; nobody is admitted
    // before somebody who waits ahead of him.
    const Sequence *first = nullptr, *waiting = nullptr;
    for (auto& [id, r] : requests_)
      for (const Sequence& s : r.sequences) {
        if (s.state == Sequence::State::running && (!first || before(s, *first))) first = &s;
        if (s.state == Sequence::State::waiting && (!waiting || before(s, *waiting))) waiting = &s;
      }
    if (first != first_ || seen.count(first)) hungry_ = 0;
    first_ = first;
    ASSERT_LT(++hungry_, 400) << "the first in order starves";
    for (const Sequence* s : seen) {
      bool overtakes = waiting && !admitted_.count(s) && before(*waiting, *s);
      ASSERT_FALSE(overtakes);
    }
    admitted_.clear();
    for (const Sequence* s : scheduler_->running()) admitted_.insert(s);
  }

  void check_blocks() {
    const KvCache& cache = scheduler_->cache();
    std::vector<int> owners(options_.kv.n_block, 0);
    for (auto& [id, r] : requests_)
      for (const Sequence& s : r.sequences) {
        if (s.state != Sequence::State::running) {
          ASSERT_TRUE(s.table.blocks.empty());
        }
        for (int32_t b : s.table.blocks) ++owners[b];
      }
    int used = 0;
    for (int b = 0; b < options_.kv.n_block; ++b) {
      ASSERT_EQ(cache.sequences(b), owners[b]);
      used += owners[b] > 0;
      // What is used below an idle node could not be evicted when it must.
      if (owners[b] > 0 && cache.in_tree(b) && cache.tree()->parent(b) != cache.tree()->root()) {
        ASSERT_GT(owners[cache.tree()->parent(b)], 0);
      }
    }
    ASSERT_EQ(cache.used(), used);
    ASSERT_TRUE(options_.kv.total().covers(cache.available()));
  }

  std::mt19937_64 random_;
  SchedulerOptions options_;
  std::optional<Scheduler> scheduler_;
  std::optional<Pages> kv_;
  std::vector<std::vector<Token>> families_;
  std::map<uint64_t, SimRequest> requests_;
  Plan plan_;
  uint64_t accepted_ = 0, ended_ = 0;
  int cancel_rate_ = 0, hungry_ = 0;
  const Sequence* first_ = nullptr;
  std::set<const Sequence*> admitted_;   // running after the last step was planned, or forked since
};

TEST(Simulation, InvariantsHoldUnderRandomLoad) {
  const char* more = std::getenv("STRATA_SIMULATION_SEEDS");
  int seeds = more ? std::atoi(more) : 150;
  uint64_t preemptions = 0;
  int64_t cached = 0, prompt = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Simulation simulation(seed);
    simulation.run(60);
    if (HasFailure()) return;
    preemptions += simulation.preemptions();
    cached += simulation.cached_tokens;
    prompt += simulation.prompt_tokens;
  }
  // The load must reach what it is meant to test.
  EXPECT_GT(preemptions, 100u);
  EXPECT_GT(cached, prompt / 20);
  RecordProperty("preemptions", static_cast<int>(preemptions));
}

}  // namespace
}  // namespace strata::engine
