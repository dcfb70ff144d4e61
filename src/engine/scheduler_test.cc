#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <random>

#include "engine/testing/no_pages.h"

namespace strata::engine {
namespace {

KvShape plain(int n_block) { return KvShape::plain(n_block); }

class SchedulerTest : public ::testing::Test {
 protected:
  void start(const SchedulerOptions& options) { scheduler.emplace(options, pages); }

  Sequence& add(int n_prompt, int n_output, int priority = 0, int n = 1, Token first_token = -1,
                uint32_t tenant = 0) {
    Sequence& s = sequences.emplace_back();
    s.request = s.arrival = sequences.size();
    s.priority = priority;
    s.tenant = tenant;
    s.tokens.resize(n_prompt);
    Token first = first_token >= 0 ? first_token : Token(10000 * sequences.size());
    std::iota(s.tokens.begin(), s.tokens.end(), first);
    s.n_prompt = n_prompt;
    s.n_total_max = n_prompt + n_output;
    s.n_unforked = n - 1;
    scheduler->add(s);
    return s;
  }
  /// One step in which every sequence whose tokens are all computed gets one more.
  const Plan& step() {
    scheduler->schedule(plan);
    scheduler->computed(plan);
    for (const Plan::Item& item : plan.items)
      if (item.samples) {
        scheduler->append(*item.sequence, 1);
        if (item.sequence->n_tokens() == item.sequence->n_total_max)
          scheduler->remove(*item.sequence);
      }
    return plan;
  }
  int planned(const Sequence& s) const {
    for (const Plan::Item& item : plan.items)
      if (item.sequence == &s) return item.n_token;
    return 0;
  }

  testing::NoPages pages;
  std::optional<Scheduler> scheduler;
  std::deque<Sequence> sequences;
  Plan plan;
};

TEST_F(SchedulerTest, DecodesFirstThenPromptsInChunks) {
  start({.kv = plain(64), .max_num_seqs = 8, .max_num_batched_tokens = 100, .max_logits = 8});
  Sequence& a = add(10, 50);
  step();
  Sequence& b = add(250, 5);
  step();
  EXPECT_EQ(planned(a), 1);
  EXPECT_EQ(planned(b), 99);
  step();
  EXPECT_EQ(planned(a), 1);
  EXPECT_EQ(planned(b), 99);
  step();
  EXPECT_EQ(planned(b), 52);
  EXPECT_EQ(b.n_generated(), 1);
  step();
  EXPECT_EQ(plan.n_token, 2);
}

TEST_F(SchedulerTest, PriorityThenArrival) {
  start({.kv = plain(64), .max_num_seqs = 1, .max_num_batched_tokens = 100, .max_logits = 8});
  Sequence& late = add(10, 1, 5);
  Sequence& first = add(10, 1, 0);
  Sequence& second = add(10, 1, 0);
  step();
  EXPECT_EQ(planned(first), 10);
  step();
  EXPECT_EQ(planned(second), 10);
  step();
  EXPECT_EQ(planned(late), 10);
}

TEST_F(SchedulerTest, RefusesOnlyWhatCanNeverFit) {
  start({.kv = plain(4), .max_num_seqs = 4, .max_num_batched_tokens = 64, .max_logits = 64});
  EXPECT_TRUE(scheduler->fits(4 * kBlock));
  EXPECT_TRUE(scheduler->fits(4 * kBlock + 1));   // the last token is never computed
  EXPECT_FALSE(scheduler->fits(4 * kBlock + 2));
}

TEST_F(SchedulerTest, NothingIsReservedForOutput) {
  start({.kv = plain(16), .max_num_seqs = 8, .max_num_batched_tokens = 64, .max_logits = 64});
  for (int i = 0; i < 8; ++i) add(8, 15 * kBlock);
  step();
  EXPECT_EQ(scheduler->n_running(), 8);
  EXPECT_EQ(scheduler->cache().used(), 8);
}

TEST_F(SchedulerTest, LongPromptsAreAdmittedForWhatTheirWindowsLeave) {
  // Whole, a prompt of 20 blocks would take 160 pages; it never has more than 41.
  start({.kv = {.n_block = 100, .n_page = 100, .groups = {{}, {.reach = 1, .n_page = 7}}},
         .max_num_seqs = 4, .max_num_batched_tokens = kBlock, .max_logits = 8,
         .prefix_caching = false});
  EXPECT_TRUE(scheduler->fits(80 * kBlock));
  EXPECT_FALSE(scheduler->fits(90 * kBlock));
  Sequence& a = add(20 * kBlock, 200);
  Sequence& b = add(20 * kBlock, 200);
  Sequence& c = add(20 * kBlock, 10);
  const auto used = [&] { return 100 - scheduler->cache().available().pages; };
  while (b.n_generated() == 0) {
    step();
    ASSERT_LE(used(), a.n_generated() > 0 ? 2 * 41 : 41);
  }
  EXPECT_EQ(a.state, Sequence::State::running);
  EXPECT_EQ(c.state, Sequence::State::waiting);
  while (!scheduler->idle()) step();
  EXPECT_EQ(scheduler->preemptions(), 0u);
  EXPECT_EQ(c.n_generated(), 10);
}

TEST_F(SchedulerTest, ThePreemptedOneIsTheLastInOrderAndComesBackFirst) {
  start({.kv = plain(4), .max_num_seqs = 4, .max_num_batched_tokens = 512, .max_logits = 64,
         .prefix_caching = false});
  Sequence& a = add(kBlock, 2 * kBlock);
  Sequence& b = add(kBlock, 2 * kBlock);
  while (scheduler->preemptions() == 0) step();
  EXPECT_EQ(b.state, Sequence::State::waiting);
  EXPECT_TRUE(b.table.blocks.empty());
  EXPECT_EQ(a.state, Sequence::State::running);
  int generated = b.n_generated();
  EXPECT_GT(generated, 0);
  Sequence& d = add(10, 10);
  while (b.state == Sequence::State::waiting) {
    EXPECT_NE(d.state, Sequence::State::running);
    step();
  }
  EXPECT_GE(b.n_generated(), generated);
  while (!scheduler->idle()) step();
  EXPECT_EQ(b.n_generated(), 2 * kBlock);
  EXPECT_EQ(d.n_generated(), 10);
}

TEST_F(SchedulerTest, AFullyCachedPromptComputesItsLastToken) {
  start({.kv = plain(16), .max_num_seqs = 4, .max_num_batched_tokens = 512, .max_logits = 64});
  add(2 * kBlock, 1, 0, 1, 0);
  step();
  Sequence& again = add(2 * kBlock, 1, 0, 1, 0);
  step();
  EXPECT_EQ(again.n_cached, 2 * kBlock - 1);
  EXPECT_EQ(planned(again), 1);
  EXPECT_EQ(pages.n_copied, 1);
}

TEST_F(SchedulerTest, ForksShareThePromptAndCopyThePartialBlock) {
  start({.kv = plain(16), .max_num_seqs = 4, .max_num_batched_tokens = 512, .max_logits = 64});
  Sequence& a = add(kBlock + 10, 20, 0, 2);
  scheduler->schedule(plan);
  scheduler->computed(plan);
  Sequence& b = sequences.emplace_back();
  b.request = a.request;
  b.arrival = a.arrival;
  b.index = 1;
  b.n_prompt = a.n_prompt;
  b.n_total_max = a.n_total_max;
  scheduler->fork(a, b);
  EXPECT_EQ(scheduler->cache().used(), 2);
  scheduler->append(a, 1);
  scheduler->append(b, 2);
  scheduler->schedule(plan);
  EXPECT_EQ(scheduler->cache().used(), 3);
  ASSERT_EQ(pages.n_copied, 1);
  EXPECT_EQ(a.table.blocks[0], b.table.blocks[0]);
  EXPECT_NE(a.table.blocks[1], b.table.blocks[1]);
}

TEST_F(SchedulerTest, PromptScoringKeepsToTheLogitsBudget) {
  start({.kv = plain(16), .max_num_seqs = 4, .max_num_batched_tokens = 512, .max_logits = 16});
  Sequence& s = add(40, 2);
  s.score_prompt = true;
  step();
  EXPECT_EQ(planned(s), 16);
  EXPECT_EQ(plan.n_logits, 16);
  step();
  step();
  EXPECT_EQ(planned(s), 8);
  EXPECT_EQ(plan.n_logits, 8);
}

/// A step costs 1 ms and 0.1 ms a token.
double cost_of(const StepLoad& load) { return 0.001 + 1e-4 * double(load.tokens); }

TEST_F(SchedulerTest, APromptTakesWhatKeepsTheOthersWithinTheTarget) {
  start({.kv = plain(512), .max_num_seqs = 32, .max_num_batched_tokens = 512, .max_logits = 32,
         .itl_target_s = 0.02});
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    StepLoad load;
    for (int k = 1 + int(random() % 200); k > 0; --k) load.add(1, 0);
    scheduler->observe(load, cost_of(load));
  }
  for (int i = 0; i < 4; ++i) add(8, 30);
  step();
  Sequence& late = add(8000, 5);
  step();
  EXPECT_EQ(plan.n_decode, 4);
  EXPECT_LE(cost_of(plan.load), 0.0165);
  EXPECT_GE(cost_of(plan.load), 0.014);
  EXPECT_EQ(planned(late), plan.n_token - 4);
  while (scheduler->n_running() > 1) step();
  step();
  EXPECT_EQ(planned(late), 512);   // nobody waits for a token any more
}

TEST_F(SchedulerTest, PromptsGetOnWhereDecodingAloneMissesTheTarget) {
  start({.kv = plain(512), .max_num_seqs = 32, .max_num_batched_tokens = 512, .max_logits = 32,
         .itl_target_s = 0.0001});
  for (int i = 0; i < 16; ++i) scheduler->observe({.tokens = 1 + i % 8}, cost_of({1 + i % 8}));
  add(4, 100);
  step();
  Sequence& late = add(1000, 5);
  int steps = 0;
  for (; late.n_generated() == 0; ++steps) step();
  EXPECT_LE(steps, 1000 / Scheduler::kChunkMin + 1);
}

TEST_F(SchedulerTest, TenantsAreServedFairly) {
  start({.kv = plain(512), .max_num_seqs = 4, .max_num_batched_tokens = 64, .max_logits = 32,
         .prefix_caching = false});
  // One floods the queue, the other asks now and then for as much at a time.
  for (int i = 0; i < 200; ++i) add(100, 20, 0, 1, -1, 1);
  for (int i = 0; i < 20; ++i) add(100, 20, 0, 1, -1, 2);
  while (sequences.back().state != Sequence::State::idle) step();
  EXPECT_NEAR(scheduler->service().served(2), 20 * 119, 1);
  // Off by no more than what was running, whatever the length of the other's queue.
  EXPECT_LE(scheduler->service().served(1), 20 * 119 + 4 * 120);
}

TEST_F(SchedulerTest, WhoComesBackFromIdlenessHasNoCredit) {
  start({.kv = plain(512), .max_num_seqs = 4, .max_num_batched_tokens = 64, .max_logits = 32,
         .prefix_caching = false});
  add(10, 5, 0, 1, -1, 2);
  while (!scheduler->idle()) step();
  for (int i = 0; i < 50; ++i) add(100, 20, 0, 1, -1, 1);
  for (int i = 0; i < 100; ++i) step();
  add(10, 5, 0, 1, -1, 2);
  EXPECT_GE(scheduler->service().served(2), scheduler->service().served(1));
}

TEST_F(SchedulerTest, DueEarlierRunsFirst) {
  start({.kv = plain(64), .max_num_seqs = 1, .max_num_batched_tokens = 100, .max_logits = 8});
  Sequence& calm = add(10, 1);
  scheduler->remove(calm);
  calm.due = 60;
  scheduler->add(calm);
  Sequence& urgent = add(10, 1);
  urgent.n_prompt = 10;
  step();
  EXPECT_EQ(planned(urgent), 10);
}

TEST_F(SchedulerTest, ARepeatedPlanIsWhatSchedulingWouldGive) {
  start({.kv = plain(64), .max_num_seqs = 4, .max_num_batched_tokens = 100, .max_logits = 8});
  Sequence& a = add(kBlock - 3, 50);
  add(20, 50);
  step();
  EXPECT_FALSE(scheduler->repeat(plan));   // the plan had prompts
  step();
  for (int i = 0; i < 8; ++i) {            // over the end of a block
    ASSERT_TRUE(scheduler->repeat(plan));
    EXPECT_EQ(plan.items[0].sequence, &a);
    EXPECT_EQ(plan.items[0].first, a.n_tokens() - 1);
    EXPECT_GE(a.table.blocks.size() * kBlock, a.n_tokens());
    scheduler->computed(plan);
    for (const Plan::Item& item : plan.items) scheduler->append(*item.sequence, 1);
  }
  EXPECT_EQ(a.table.blocks.size(), 2u);
  Sequence& late = add(5, 5);
  EXPECT_FALSE(scheduler->repeat(plan));   // somebody waits
  scheduler->remove(late);
  EXPECT_FALSE(scheduler->repeat(plan));   // not before it was planned anew
  step();
  scheduler->remove(a);
  EXPECT_FALSE(scheduler->repeat(plan));
}

TEST_F(SchedulerTest, RemoveFreesAtOnceInEveryState) {
  start({.kv = plain(16), .max_num_seqs = 1, .max_num_batched_tokens = 32, .max_logits = 16,
         .prefix_caching = false});
  Sequence& a = add(100, 5);
  Sequence& b = add(100, 5);
  step();
  EXPECT_GT(scheduler->cache().used(), 0);
  scheduler->remove(a);
  EXPECT_EQ(scheduler->cache().used(), 0);
  scheduler->remove(b);
  EXPECT_TRUE(scheduler->idle());
}

}  // namespace
}  // namespace strata::engine
