#include "kernel/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace strata::kernel {
namespace {

struct Choice {
  std::vector<int32_t> expert;
  std::vector<float> weight;
};

Choice choose(const Router& r, const std::vector<float>& logits, const float* bias = nullptr) {
  Choice c{std::vector<int32_t>(r.n_used), std::vector<float>(r.n_used)};
  std::vector<float> room(3 * r.n_expert);
  route(r, logits.data(), bias, room.data(), c.expert.data(), c.weight.data());
  return c;
}

std::vector<float> random_logits(int n, int seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1.5f);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

// The definition, by sorting pairs, in double.
std::map<int, double> expected(const Router& r, const std::vector<float>& logits,
                               const std::vector<float>& bias) {
  const int n = r.n_expert;
  std::vector<double> score(logits.begin(), logits.end());
  double sum = 0;
  for (double l : logits) sum += std::exp(l);
  for (double& s : score) {
    if (r.scoring == Scoring::softmax) s = std::exp(s) / sum;
    if (r.scoring == Scoring::sigmoid) s = 1 / (1 + std::exp(-s));
  }
  const int size = n / r.n_group;
  std::vector<std::pair<double, int>> groups;
  for (int g = 0; g < r.n_group; ++g) {
    std::vector<double> in;
    for (int i = g * size; i < (g + 1) * size; ++i) in.push_back(score[i] + bias[i]);
    std::sort(in.rbegin(), in.rend());
    groups.push_back({-(in[0] + (r.group_by_two && size > 1 ? in[1] : 0)), g});
  }
  std::sort(groups.begin(), groups.end());
  std::vector<std::pair<double, int>> all;
  for (int kept = 0; kept < r.n_group_used; ++kept) {
    const int g = groups[kept].second;
    for (int i = g * size; i < (g + 1) * size; ++i) all.push_back({-(score[i] + bias[i]), i});
  }
  std::sort(all.begin(), all.end());
  all.resize(r.n_used);
  double total = 0, exponents = 0;
  for (auto [s, i] : all) total += score[i], exponents += std::exp(double{logits[i]});
  std::map<int, double> weights;
  for (auto [s, i] : all) {
    double w = score[i];
    if (r.scoring == Scoring::softmax_of_chosen) w = std::exp(double{logits[i]}) / exponents;
    if (r.normalise) w /= total;
    weights[i] = w * r.scale;
  }
  return weights;
}

TEST(Router, AsDefined) {
  std::vector<Router> routers = {
      {.scoring = Scoring::softmax, .n_expert = 8, .n_used = 2, .normalise = true},
      {.scoring = Scoring::softmax, .n_expert = 60, .n_used = 4},
      {.scoring = Scoring::softmax, .n_expert = 32, .n_used = 3, .n_group = 8, .n_group_used = 3,
       .scale = 16},
      {.scoring = Scoring::sigmoid, .n_expert = 256, .n_used = 8, .n_group = 8, .n_group_used = 4,
       .group_by_two = true, .normalise = true, .scale = 2.5f},
      {.scoring = Scoring::sigmoid, .n_expert = 4, .n_used = 2, .n_group = 4, .n_group_used = 2,
       .group_by_two = true},
      {.scoring = Scoring::softmax_of_chosen, .n_expert = 128, .n_used = 4},
      {.scoring = Scoring::softmax, .n_expert = 5, .n_used = 5, .normalise = true},
      {.scoring = Scoring::softmax, .n_expert = 1, .n_used = 1},
  };
  for (const Router& r : routers) {
    for (int seed = 0; seed < 50; ++seed) {
      const std::vector<float> logits = random_logits(r.n_expert, seed);
      std::vector<float> bias(r.n_expert, 0.0f);
      if (seed % 2) bias = random_logits(r.n_expert, 1000 + seed);
      for (float& b : bias) b *= 0.1f;
      const Choice got = choose(r, logits, seed % 2 ? bias.data() : nullptr);
      const std::map<int, double> want = expected(r, logits, bias);
      ASSERT_EQ(want.size(), got.expert.size());
      for (int i = 0; i < r.n_used; ++i) {
        ASSERT_TRUE(want.contains(got.expert[i])) << got.expert[i];
        EXPECT_NEAR(got.weight[i], want.at(got.expert[i]), 2e-6 * r.scale);
      }
    }
  }
}

TEST(Router, SparsemixerWeighsAgainstCloseRivals) {
  const Router r{.scoring = Scoring::sparsemixer, .n_expert = 4, .n_used = 2, .jitter = 0.05f};
  // 2.0 and 1.9 are within a tenth of the best, 1.0 and 0.5 are not.
  const Choice c = choose(r, {1, 2, 0.5f, 1.9f});
  EXPECT_EQ(c.expert, (std::vector<int32_t>{1, 3}));
  EXPECT_NEAR(c.weight[0], 1 / (1 + std::exp(-0.1)), 1e-6);
  EXPECT_FLOAT_EQ(c.weight[1], 1) << "the first choice is no rival of the second";
}

TEST(Router, OfEqualsTheLowerWins) {
  const Router r{.n_expert = 6, .n_used = 2};
  EXPECT_EQ(choose(r, std::vector<float>(6, 1.0f)).expert, (std::vector<int32_t>{0, 1}));
}

// A model whose activations overflow must not make the program read foreign memory.
TEST(Router, WhateverTheLogitsExpertsAreDistinct) {
  for (Scoring scoring : {Scoring::softmax, Scoring::sigmoid, Scoring::softmax_of_chosen,
                          Scoring::sparsemixer}) {
    for (float bad : {NAN, INFINITY, -INFINITY}) {
      for (int keep = 0; keep < 3; ++keep) {
        Router r{.scoring = scoring, .n_expert = 8, .n_used = 4, .n_group = 4, .n_group_used = 2,
                 .group_by_two = true, .normalise = true};
        std::vector<float> logits(8, bad);
        for (int i = 0; i < keep; ++i) logits[5 - i] = 1;
        const Choice c = choose(r, logits);
        EXPECT_EQ(std::set<int32_t>(c.expert.begin(), c.expert.end()).size(), 4u);
        for (int32_t e : c.expert) EXPECT_TRUE(e >= 0 && e < 8);
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernel
