// The engine without threads, kernels or time: random requests of several tenants with priorities,
// deadlines, cancels and drafts, over pools of all sizes and an executor that fails at times. Every
// invariant is checked after each step; a seed replays its run exactly.
//
// Long form: STRATA_SIMULATION_SEEDS=100 STRATA_SIMULATION_REQUESTS=10000.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "engine/core.h"
#include "engine/testing/fake_executor.h"
#include "engine/testing/random_shape.h"

namespace strata::engine {
namespace {

using testing::FakeExecutor;
using testing::FakeOptions;

constexpr int kVocab = 24, kModelLen = 700;
constexpr Token kEos = 23;

struct Totals {
  uint64_t requests = 0, steps = 0, preemptions = 0, drafted = 0, accepted = 0, ram_hits = 0;
  uint64_t cached = 0;       // tokens of models with windows
  std::map<Finish, uint64_t> ended;
};

/// What the client of one request has seen.
struct Client {
  Request asked;
  std::vector<int> n_token;
  std::vector<Finish> finish;
  double arrived = 0;
  bool cancelled = false;
  bool over() const {
    return std::find(finish.begin(), finish.end(), Finish::none) == finish.end();
  }
};

class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed), executor_(fake()), draft_executor_(draft_fake()),
        draft_(draft_executor_, kVocab, kModelLen, [this] { return now_; }),
        tiers_({.ram_bytes = pick(0, 1) * pick(1, 60) * executor_.page_bytes(),
                .block_pages = executor_.kv().block_pages(),
                .bare_pages = executor_.kv().bare_pages()},
               executor_),
        core_(executor_, options()) {
    fault_rate_ = pick(0, 3) == 0 ? pick(20, 500) : 0;
    cancel_rate_ = pick(0, 2) == 0 ? pick(5, 50) : 0;
    rush_ = pick(1, 12);
    tenants_ = pick(1, 3);
    longest_ = pick(0, 4) ? 24 : 250;   // output beyond what admission looks at: preemptions
    for (int i = pick(1, 5); i > 0; --i) {
      std::vector<Token> family(pick(1, 400));
      for (Token& t : family) t = pick(0, kVocab - 2);
      families_.push_back(family);
    }
    executor_.before_run = [this](const StepBatch& batch) { run(batch); };
    draft_executor_.before_run = [this](const StepBatch&) { now_ += 2e-4; };
    draft_executor_.after_run = [](const StepBatch& batch, std::vector<float>& logits) {
      if (batch.sequences[0].n_past % 3 == 0) std::fill(logits.begin(), logits.end(), 0.0f);
    };
  }

  void play(int n_request, Totals& totals) {
    const int64_t longest = 2000 + int64_t(n_request) * 2000;
    int to_come = n_request;
    int64_t step = 0;
    for (; to_come > 0 || !core_.idle(); ++step) {
      ASSERT_LT(step, longest) << "requests do not end";
      for (int i = pick(0, rush_); i > 0 && to_come > 0 && clients_.size() < 200; --i, --to_come)
        arrive();
      if (cancel_rate_ && pick(1, cancel_rate_) == 1) cancel_one();
      now_ += 1e-5;
      tiers_.flush();   // simulated time does not wait for the store's thread
      core_.step();
      check();
      if (::testing::Test::HasFailure()) return;
    }
    ASSERT_TRUE(clients_.empty()) << "an accepted request never ended";
    ASSERT_EQ(core_.scheduler().cache().used(), 0) << "blocks leaked";
    const EngineStats s = core_.stats();
    ASSERT_EQ(s.state_slots_used, 0) << "states leaked";
    ASSERT_EQ(s.kv_bytes_used, 0) << "pages leaked";
    ASSERT_EQ(draft_.used_blocks(), 0) << "the draft model's blocks leaked";
    ASSERT_EQ(s.requests_finished + s.requests_cancelled + s.requests_failed + s.requests_expired,
              uint64_t(n_request));
    totals.requests += uint64_t(n_request);
    totals.steps += s.steps;
    totals.preemptions += s.preemptions;
    totals.drafted += s.draft_tokens;
    totals.accepted += s.accepted_tokens;
    totals.ram_hits += s.tiers.ram_hits;
    totals.cached += executor_.kv().has_windows() ? s.cached_tokens : 0;
    for (auto [finish, n] : ended_) totals.ended[finish] += n;
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  FakeOptions fake() {
    const int tokens = pick(1, 200), logits = pick(1, tokens);
    return {.n_vocab = kVocab, .max_tokens = tokens, .max_logits = logits, .threads = 1,
            .n_state = pick(0, 1) * (logits + pick(0, 3) * pick(0, 10)),
            .kv = testing::random_shape(pick(12, 60), [this](int a, int b) { return pick(a, b); })};
  }
  FakeOptions draft_fake() {
    return {.n_vocab = kVocab, .max_tokens = executor_.max_tokens(),
            .max_logits = executor_.max_logits(), .threads = 1,
            .kv = testing::random_shape(pick(4, 60), [this](int a, int b) { return pick(a, b); })};
  }
  CoreOptions options() {
    CoreOptions o;
    o.scheduler.kv = executor_.kv();
    o.scheduler.n_state = executor_.n_state();
    o.scheduler.max_num_batched_tokens = executor_.max_tokens();
    o.scheduler.max_logits = executor_.max_logits();
    o.scheduler.max_num_seqs = pick(1, executor_.max_logits());
    o.scheduler.prefix_caching = pick(0, 4) > 0;
    o.scheduler.itl_target_s = pick(0, 2) ? pick(1, 100) * 1e-3 : 0;
    o.policy = pick(0, 3) ? SchedulingPolicy::priority : SchedulingPolicy::fcfs;
    o.multi_step = pick(1, 8);
    o.speculation = pick(0, 2) ? Speculation::all : Speculation::off;
    o.num_speculative_tokens = pick(0, 8);
    o.draft_model = pick(0, 1) ? &draft_ : nullptr;
    o.tiers = &tiers_;
    o.now = [this] { return now_; };
    return o;
  }

  /// A step takes time; sometimes it takes long, sometimes it fails.
  void run(const StepBatch& batch) {
    double seconds = 0.002 + 1e-4 * double(batch.tokens.size());
    if (pick(1, 200) == 1) seconds *= pick(2, 100);
    now_ += seconds;
    if (fault_rate_ && pick(1, fault_rate_) == 1) throw std::runtime_error("injected fault");
  }

  void arrive() {
    Request r;
    r.prompt = families_[pick(0, int(families_.size()) - 1)];
    r.prompt.resize(pick(1, int(r.prompt.size())));
    for (int i = pick(0, 30); i > 0; --i) r.prompt.push_back(pick(0, kVocab - 2));
    r.sampling.max_tokens = pick(0, 4) ? pick(1, longest_) : pick(0, 150);
    r.sampling.ignore_eos = longest_ > 100;
    r.sampling.temperature = pick(0, 1) ? 0.0f : 0.3f;
    r.sampling.seed = random_();
    if (pick(0, 5) == 0) r.sampling.repetition_penalty = 1.1f;
    if (pick(0, 7) == 0) r.sampling.min_tokens = std::min(3, r.sampling.max_tokens);
    r.n = pick(0, 3) ? 1 : pick(1, std::min(4, core_.scheduler().options().max_num_seqs));
    r.priority = pick(0, 4) ? 0 : pick(-2, 2);
    r.tenant = uint32_t(pick(1, tenants_));
    if (pick(0, 9) == 0) r.cache_salt = pick(0, 1) ? "a" : "b";
    if (pick(0, 6) == 0) r.deadline_s = pick(1, 400) * 0.01;
    if (pick(0, 15) == 0) r.prompt_logprobs = 1;
    const uint64_t id = ++last_id_;
    Client& client = clients_[id];
    client.asked = r;
    client.n_token.resize(r.n);
    client.finish.assign(r.n, Finish::none);
    client.arrived = now_;
    core_.add(make_live(id, std::move(r), [this](const Event& e) { take(e); },
                        std::vector<Token>{kEos}, kModelLen));
  }

  void take(const Event& e) {
    auto found = clients_.find(e.id);
    ASSERT_NE(found, clients_.end()) << "an event of a request that is over";
    Client& c = found->second;
    ASSERT_EQ(c.finish[e.index], Finish::none) << "an event after the last";
    ASSERT_TRUE(!c.cancelled || e.tokens.empty()) << "tokens after a cancel";
    c.n_token[e.index] += int(e.tokens.size());
    c.finish[e.index] = e.finish;
    ASSERT_LE(c.n_token[e.index], c.asked.sampling.max_tokens);
    if (e.finish == Finish::length) {
      ASSERT_EQ(c.n_token[e.index], c.asked.sampling.max_tokens);
    }
    if (e.finish == Finish::expired) {
      ASSERT_GT(c.asked.deadline_s, 0);
      ASSERT_GE(now_, c.arrived + c.asked.deadline_s);
    }
    if (e.finish != Finish::none) ++ended_[e.finish];
    if (c.over()) clients_.erase(found);
  }

  void cancel_one() {
    if (clients_.empty()) return;
    auto it = clients_.begin();
    std::advance(it, pick(0, int(clients_.size()) - 1));
    const uint64_t id = it->first;
    it->second.cancelled = true;
    core_.cancel(id);
    ASSERT_FALSE(clients_.contains(id)) << "a cancel takes effect at once";
  }

  void check() {
    const Scheduler& scheduler = core_.scheduler();
    const KvCache& cache = scheduler.cache();
    const KvShape& shape = cache.shape();
    std::vector<int> owners(cache.total(), 0);
    std::vector<std::vector<int>> wants(shape.groups.size(), owners);
    int seats = 0;
    for (const Sequence* s : scheduler.running()) {
      seats += 1 + s->n_unforked;
      ASSERT_GE(s->table.size() * kBlock, s->n_past) << "computed positions without a block";
      ASSERT_EQ(s->table.passed, s->n_past / kBlock) << "windows were not let go of";
      ASSERT_LT(s->n_past, s->n_tokens() + 1);
      ASSERT_TRUE(s->draft.empty());
      for (int i = 0; i < s->table.size(); ++i) {
        ++owners[s->table.blocks[i]];
        for (size_t g = 0; g < wants.size(); ++g)
          wants[g][s->table.blocks[i]] += i >= s->table.first(shape.groups[g]);
      }
    }
    ASSERT_LE(seats, scheduler.options().max_num_seqs);
    int used = 0;
    for (int b = 0; b < cache.total(); ++b) {
      ASSERT_EQ(cache.sequences(b), owners[b]) << "a block leaked or is shared wrongly";
      used += owners[b] > 0;
    }
    ASSERT_EQ(cache.used(), used);
    check_pages(cache, owners, wants);
    // Nobody outlives his deadline by more than a step.
    for (const auto& [id, c] : clients_)
      if (c.asked.deadline_s > 0) {
        ASSERT_LE(step_start_, c.arrived + c.asked.deadline_s);
      }
    step_start_ = now_;
  }

  /// Every page belongs to one block at most; windows' are there as long as somebody wants them.
  void check_pages(const KvCache& cache, const std::vector<int>& owners,
                   const std::vector<std::vector<int>>& wants) {
    const KvShape& shape = cache.shape();
    std::vector<int> used(shape.n_page, 0);
    int64_t wanted = 0;
    for (int b = 0; b < cache.total(); ++b) {
      for (int c = 0; c < shape.block_pages(); ++c)
        if (const int32_t page = cache.pages().page(b, c); page >= 0) ++used[page];
      for (size_t g = 0; g < wants.size(); ++g) {
        const bool needed = shape.groups[g].has_window() ? wants[g][b] > 0 : owners[b] > 0;
        if (shape.groups[g].has_window()) {
          ASSERT_EQ(cache.pages().wants(b, int(g)), wants[g][b]) << "pages of a window leaked";
        }
        ASSERT_TRUE(!needed || cache.pages().held(b, int(g))) << "a page is gone that is needed";
        ASSERT_TRUE(owners[b] > 0 || cache.in_tree(b) || !cache.pages().held(b, int(g)))
            << "a free block has pages";
        wanted += needed ? shape.groups[g].n_page : 0;
      }
    }
    int taken = 0;
    for (int n : used) {
      ASSERT_LE(n, 1) << "a page serves two blocks";
      taken += n;
    }
    ASSERT_EQ(taken + cache.pages().free(), shape.n_page) << "a page leaked";
    ASSERT_EQ(shape.n_page - cache.available().pages, wanted);
  }

  std::mt19937_64 random_;
  double now_ = 1, step_start_ = 0;
  FakeExecutor executor_, draft_executor_;
  DraftModel draft_;
  TierStore tiers_;
  Core core_;
  std::vector<std::vector<Token>> families_;
  std::map<uint64_t, Client> clients_;
  std::map<Finish, uint64_t> ended_;
  uint64_t last_id_ = 0;
  int fault_rate_ = 0, cancel_rate_ = 0, rush_ = 1, tenants_ = 1, longest_ = 24;
};

int from_environment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

TEST(CoreSimulation, InvariantsHoldUnderLoadFaultsAndCancels) {
  const int seeds = from_environment("STRATA_SIMULATION_SEEDS", STRATA_TEST_SHORT ? 24 : 60);
  const int requests = from_environment("STRATA_SIMULATION_REQUESTS", 150);
  Totals totals;
  for (int seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.play(requests, totals);
    if (HasFailure()) return;
  }
  // The load must reach what it is meant to test.
  EXPECT_GT(totals.preemptions, 50u);
  EXPECT_GT(totals.accepted, 10u);
  EXPECT_GT(totals.drafted, totals.accepted);
  EXPECT_GT(totals.ram_hits, uint64_t(seeds) / 3);
  EXPECT_GT(totals.cached, uint64_t(seeds) * 10);
  for (Finish f : {Finish::stop, Finish::length, Finish::cancelled, Finish::expired, Finish::error})
    EXPECT_GT(totals.ended[f], 10u) << name(f);
  std::printf("%llu requests, %llu steps, %llu preemptions, %llu of %llu drafted tokens accepted; "
              "0 violations\n",
              (unsigned long long)totals.requests, (unsigned long long)totals.steps,
              (unsigned long long)totals.preemptions, (unsigned long long)totals.accepted,
              (unsigned long long)totals.drafted);
}

TEST(CoreSimulation, ASeedReplaysItsRun) {
  Totals first, second;
  World(7).play(100, first);
  World(7).play(100, second);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.accepted, second.accepted);
  EXPECT_EQ(first.ended, second.ended);
}

}  // namespace
}  // namespace strata::engine
