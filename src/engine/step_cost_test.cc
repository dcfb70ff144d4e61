#include "engine/step_cost.h"

#include <gtest/gtest.h>

#include <random>

namespace strata::engine {
namespace {

double truth(const StepLoad& l) {
  return 0.004 + 6e-4 * double(l.tokens) + 3e-7 * double(l.decode_reads) +
         2e-8 * double(l.prompt_pairs);
}

StepLoad random_load(std::mt19937& random) {
  StepLoad load;
  for (int i = int(random() % 32); i > 0; --i) load.add(1, int(random() % 4000));
  if (load.tokens == 0 || random() % 2) load.add(2 + int(random() % 500), int(random() % 8000));
  return load;
}

TEST(StepCost, FindsTheCoefficientsThroughNoise) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(1, 0.05);
  StepCost cost;
  for (int i = 0; i < 2000; ++i) {
    StepLoad load = random_load(random);
    cost.observe(load, truth(load) * noise(random));
  }
  for (int i = 0; i < 100; ++i) {
    StepLoad load = random_load(random);
    EXPECT_NEAR(cost.predict(load), truth(load), 0.1 * truth(load));
  }
}

TEST(StepCost, FollowsAMachineThatSlowsDown) {
  std::mt19937 random(2);
  StepCost cost;
  for (int i = 0; i < 4000; ++i) {
    StepLoad load = random_load(random);
    cost.observe(load, truth(load) * (i < 2000 ? 1 : 2));
  }
  StepLoad load = random_load(random);
  EXPECT_NEAR(cost.predict(load), 2 * truth(load), 0.2 * truth(load));
}

TEST(StepCost, OneLongStepDoesNotUpsetIt) {
  std::mt19937 random(3);
  StepCost cost;
  for (int i = 0; i < 1000; ++i) {
    StepLoad load = random_load(random);
    cost.observe(load, truth(load) * (i == 990 ? 1000 : 1));
  }
  StepLoad load = random_load(random);
  EXPECT_NEAR(cost.predict(load), truth(load), 0.1 * truth(load));
}

TEST(StepCost, TokensWithinIsTheLargestThatFits) {
  std::mt19937 random(4);
  StepCost cost;
  EXPECT_EQ(cost.tokens_within(0.1, {}, 0, 512), 512);   // nothing is known yet
  for (int i = 0; i < 500; ++i) {
    StepLoad load = random_load(random);
    cost.observe(load, truth(load));
  }
  StepLoad decodes;
  for (int i = 0; i < 16; ++i) decodes.add(1, 500);
  for (int n_past : {0, 1000, 100000}) {
    int n = cost.tokens_within(0.1, decodes, n_past, 4096);
    ASSERT_GT(n, 1);
    ASSERT_LT(n, 4096);
    StepLoad at = decodes, beyond = decodes;
    at.add(n, n_past);
    beyond.add(n + 1, n_past);
    EXPECT_LE(cost.predict(at), 0.1);
    EXPECT_GT(cost.predict(beyond), 0.1);
  }
  EXPECT_EQ(cost.tokens_within(0.0001, decodes, 0, 4096), 0);
}

}  // namespace
}  // namespace strata::engine
