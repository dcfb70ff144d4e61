#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "engine/random.h"
#include "engine/truncate.h"

namespace strata::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

ThreadPool& pool() {
  static ThreadPool instance({.threads = 2, .cpus = {}, .pin = false, .spin_us = 0});
  return instance;
}

std::vector<float> random_logits(int n, uint64_t seed, float spread = 3) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

struct Case {
  SamplingParams params;
  std::vector<Token> prompt, output, stop;
};

/// The distribution that the documentation describes, straight from it, in f64 with full sorts.
std::vector<double> reference(const std::vector<float>& logits, const Case& c) {
  const SamplingParams& p = c.params;
  int n = static_cast<int>(logits.size());
  std::vector<double> x(logits.begin(), logits.end());
  for (double& v : x)
    if (std::isnan(v)) v = -kInf;
  for (auto [t, b] : p.logit_bias) x[t] += b;
  if (!p.allowed_tokens.empty())
    for (Token t = 0; t < n; ++t)
      if (std::find(p.allowed_tokens.begin(), p.allowed_tokens.end(), t) == p.allowed_tokens.end())
        x[t] = -kInf;
  for (const auto& word : p.bad_words) {
    size_t k = word.size() - 1;
    if (c.output.size() >= k && std::equal(word.begin(), word.end() - 1, c.output.end() - k))
      x[word.back()] = -kInf;
  }
  if (int(c.output.size()) < p.min_tokens)
    for (Token t : c.stop) x[t] = -kInf;
  std::map<Token, int> seen, output;
  for (Token t : c.prompt) ++seen[t];
  for (Token t : c.output) ++seen[t], ++output[t];
  double penalty = p.repetition_penalty;
  for (auto [t, k] : seen) x[t] = x[t] > 0 ? x[t] / penalty : x[t] * penalty;
  for (auto [t, k] : output) x[t] -= double(p.frequency_penalty) * k + p.presence_penalty;
  if (p.dry_multiplier > 0) {
    std::vector<Token> all(c.prompt);
    all.insert(all.end(), c.output.begin(), c.output.end());
    std::map<Token, int> longest;
    int size = int(all.size());
    for (int end = 1; end < size; ++end) {   // all[end] followed a repetition that ended before it
      int length = 0;
      while (length < end && all[end - 1 - length] == all[size - 1 - length] &&
             !std::binary_search(p.dry_breakers.begin(), p.dry_breakers.end(),
                                 all[size - 1 - length]))
        ++length;
      if (length >= p.dry_allowed_length)
        longest[all[end]] = std::max(longest[all[end]], length);
    }
    for (auto [t, length] : longest)
      x[t] -= p.dry_multiplier * std::pow(p.dry_base, length - p.dry_allowed_length);
  }
  std::vector<double> q(n, 0);
  double top = *std::max_element(x.begin(), x.end());
  if (p.temperature < kTemperatureMin || p.top_k == 1) {
    q[std::max_element(x.begin(), x.end()) - x.begin()] = 1;
    return q;
  }
  double least = -kInf;
  if (p.top_n_sigma > 0) {
    double sum = 0, squares = 0, finite = 0;
    for (double v : x)
      if (std::isfinite(v)) sum += v, squares += v * v, ++finite;
    least = top - p.top_n_sigma * std::sqrt(squares / finite - sum / finite * sum / finite);
  }
  for (int i = 0; i < n; ++i) q[i] = x[i] < least ? 0 : std::exp((x[i] - top) / p.temperature);
  auto normalise = [&] {
    double sum = std::accumulate(q.begin(), q.end(), 0.0);
    for (double& v : q) v /= sum;
  };
  auto keep = [&](const std::vector<int>& order, size_t count) {
    for (size_t i = count; i < order.size(); ++i) q[order[i]] = 0;
    normalise();
  };
  auto order_by = [&](auto key) {
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(a) < key(b); });
    return order;
  };
  auto keep_mass = [&](const std::vector<int>& order, double share) {
    size_t count = 0;
    for (double sum = 0; count < order.size() && (count == 0 || sum < share);)
      sum += q[order[count++]];
    keep(order, count);
  };
  normalise();
  double p_max = *std::max_element(q.begin(), q.end());
  for (double& v : q)
    if (v < p.min_p * p_max) v = 0;
  normalise();
  if (p.top_k > 0) keep(order_by([&](int i) { return -q[i]; }), p.top_k);
  if (p.top_p < 1) keep_mass(order_by([&](int i) { return -q[i]; }), p.top_p);
  if (p.typical_p < 1) {
    double entropy = 0;
    for (double v : q)
      if (v > 0) entropy -= v * std::log(v);
    auto oddness = [&](int i) { return q[i] > 0 ? std::fabs(-std::log(q[i]) - entropy) : 1e9; };
    keep_mass(order_by(oddness), p.typical_p);
  }
  if (p.xtc_probability >= 1) {
    int stays = -1;
    for (int i = 0; i < n; ++i)
      if (q[i] >= p.xtc_threshold && (stays < 0 || q[i] < q[stays])) stays = i;
    double bound = p.xtc_threshold;
    for (int i = 0; i < n && stays >= 0; ++i)
      if (q[i] >= bound && i != stays) q[i] = 0;
    normalise();
  }
  if (p.mirostat == 2) {
    double bound = std::exp2(-2.0 * p.mirostat_tau);
    for (int i = 0; i < n; ++i)
      if (q[i] < bound && x[i] < top) q[i] = 0;
    normalise();
  }
  return q;
}

SamplerState state_of(const Case& c, uint64_t seed) {
  SamplerState state(c.params, seed, 0, c.stop);
  state.begin(c.prompt);
  for (Token t : c.output) state.accept(t);
  return state;
}

/// One draw for each seed.
std::vector<Token> draws(const std::vector<float>& logits, const Case& c, int n) {
  Sampler sampler(int(logits.size()), pool());
  std::vector<SamplerState> states;
  for (int i = 0; i < n; ++i) states.push_back(state_of(c, 1000 + i));
  std::vector<SampleRow> rows(n);
  for (int i = 0; i < n; ++i) {
    rows[i].logits = logits.data();
    rows[i].state = &states[i];
    rows[i].n_generated = int(c.output.size());
  }
  sampler.run(rows);
  std::vector<Token> out;
  for (const SampleRow& row : rows) {
    EXPECT_TRUE(row.finite);
    out.push_back(row.out.token);
  }
  return out;
}

/// Pearson's chi-square as a standard normal deviate (Wilson and Hilferty, 1931).
double deviate(const std::vector<Token>& drawn, const std::vector<double>& expected) {
  std::vector<double> count(expected.size(), 0);
  for (Token t : drawn) count[t] += 1;
  double chi = 0, rest_expected = 0, rest_count = 0;
  int cells = 0;
  auto cell = [&](double e, double o) {
    chi += (o - e) * (o - e) / e;
    ++cells;
  };
  for (size_t i = 0; i < expected.size(); ++i) {
    double e = expected[i] * double(drawn.size());
    if (e >= 5) {
      cell(e, count[i]);
    } else {
      rest_expected += e;
      rest_count += count[i];
    }
  }
  if (rest_expected > 5) cell(rest_expected, rest_count);
  double df = cells - 1;
  if (df < 1) return 0;
  return (std::cbrt(chi / df) - (1 - 2 / (9 * df))) / std::sqrt(2 / (9 * df));
}

void expect_distribution(const std::vector<float>& logits, const Case& c) {
  auto expected = reference(logits, c);
  auto drawn = draws(logits, c, 20000);
  for (Token t : drawn) ASSERT_GT(expected[t], 0) << "token " << t << " should have been cut off";
  EXPECT_LT(deviate(drawn, expected), 4);
}

TEST(Random, PhiloxKnownAnswers) {
  // kat_vectors of Random123 (Salmon et al.): counter and key all zero, then all ones.
  EXPECT_EQ(uniform(0, 0, 0), double(0x6627e8d5e169c58dull >> 11) * 0x1p-53);
  EXPECT_EQ(uniform(~0ull, ~0ull, ~0ull), double(0x408f276d41c83b0eull >> 11) * 0x1p-53);
}

TEST(Truncate, RadixSelectionEqualsSorting) {
  std::mt19937 random(5);
  Truncation truncation(700);
  for (int round = 0; round < 300; ++round) {
    int n = 1 + int(random() % 700);
    std::vector<Candidate> all(n);
    for (int i = 0; i < n; ++i) all[i] = {float(1 + random() % 50), i};   // many ties
    auto sorted = all;
    std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.p > b.p; });
    double target = mass(all) * double(random() % 1001) / 1000, sum = 0;
    size_t count = 0;
    while (count < sorted.size() && (count == 0 || sum < target)) sum += sorted[count++].p;
    auto tokens = [](const std::vector<Candidate>& c, size_t k) {
      std::vector<Token> t;
      for (size_t i = 0; i < k; ++i) t.push_back(c[i].token);
      std::sort(t.begin(), t.end());
      return t;
    };
    auto kept = all;
    truncation.keep_top_p(kept, target);
    EXPECT_EQ(tokens(kept, kept.size()), tokens(sorted, count));
    size_t k = 1 + random() % n;
    kept = all;
    truncation.keep_top_k(kept, k);
    EXPECT_EQ(tokens(kept, kept.size()), tokens(sorted, k));
  }
}

TEST(Sampler, EachFilterHasTheDocumentedDistribution) {
  auto logits = random_logits(200, 1);
  std::vector<SamplingParams> all;
  auto add = [&](auto set) { set(all.emplace_back()); };
  add([](SamplingParams&) {});
  add([](SamplingParams& p) { p.temperature = 0.6f; });
  add([](SamplingParams& p) { p.temperature = 2.5f; });
  add([](SamplingParams& p) { p.top_k = 7; });
  add([](SamplingParams& p) { p.top_p = 0.8f; });
  add([](SamplingParams& p) { p.top_p = 0.9995f; p.temperature = 5; });
  add([](SamplingParams& p) { p.min_p = 0.1f; });
  add([](SamplingParams& p) { p.typical_p = 0.5f; });
  add([](SamplingParams& p) { p.top_k = 20; p.top_p = 0.7f; p.temperature = 1.3f; });
  add([](SamplingParams& p) {
    p.top_k = 100;
    p.top_p = 0.9f;
    p.min_p = 0.02f;
    p.typical_p = 0.8f;
  });
  add([](SamplingParams& p) { p.top_n_sigma = 1.5f; });
  add([](SamplingParams& p) { p.top_n_sigma = 1; p.temperature = 3; p.top_p = 0.9f; });
  add([](SamplingParams& p) { p.xtc_probability = 1; p.xtc_threshold = 0.02f; });
  add([](SamplingParams& p) { p.mirostat = 2; p.mirostat_tau = 1.5f; });
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    expect_distribution(logits, {all[i], {}, {}, {}});
  }
}

TEST(Sampler, PenaltiesBiasAndMinTokens) {
  auto logits = random_logits(60, 2, 1.5f);
  Case c{{}, {1, 2, 2, 3}, {3, 3, 3, 4}, {5, 6}};
  c.params.repetition_penalty = 1.4f;
  expect_distribution(logits, c);
  c.params.frequency_penalty = 0.5f;
  c.params.presence_penalty = -0.7f;
  expect_distribution(logits, c);
  c.params.logit_bias = {{7, 3.0f}, {8, -100.0f}, {3, 1.0f}};
  c.params.min_tokens = 5;
  c.params.top_p = 0.95f;
  expect_distribution(logits, c);
  EXPECT_EQ(reference(logits, c)[5], 0);
}

TEST(Sampler, AllowedTokensBadWordsAndRepetitions) {
  auto logits = random_logits(60, 2, 1.5f);
  Case c{{}, {1, 2, 3, 9, 1, 2, 3, 11, 7, 2, 3, 12}, {9, 5, 1, 2, 3}, {}};
  c.params.bad_words = {{9, 5, 1}, {2, 3, 30}, {31}, {4, 3, 32}};
  expect_distribution(logits, c);
  EXPECT_EQ(reference(logits, c)[30], 0);
  EXPECT_GT(reference(logits, c)[32], 0);
  c.params.dry_multiplier = 0.8f;
  expect_distribution(logits, c);
  EXPECT_LT(reference(logits, c)[9], reference(logits, {c.params, {}, {}, {}})[9]);
  c.params.dry_breakers = {2};
  expect_distribution(logits, c);
  c.params.dry_breakers = {};
  c.params.dry_allowed_length = 3;
  c.params.allowed_tokens = {9, 11, 12, 13, 14, 30};
  expect_distribution(logits, c);
}

TEST(Sampler, DryOverLongHistoriesEqualsTheDefinition) {
  std::mt19937 random(8);
  for (int round = 0; round < 60; ++round) {
    Case c;
    c.params.temperature = 0;
    c.params.dry_multiplier = 0.5f;
    c.params.dry_base = 1.1f;
    c.params.dry_allowed_length = 1 + int(random() % 3);
    if (round % 3 == 0) c.params.dry_breakers = {0};
    for (int i = int(random() % 300); i > 0; --i) c.prompt.push_back(Token(random() % 3));
    for (int i = 1 + int(random() % 300); i > 0; --i) c.output.push_back(Token(random() % 3));
    auto logits = random_logits(5, round, 0.5f);
    auto q = reference(logits, c);
    EXPECT_EQ(q[draws(logits, c, 1)[0]], 1) << round;
  }
}

TEST(Sampler, MirostatHoldsItsSurprise) {
  auto logits = random_logits(5000, 21, 2);
  for (int version : {1, 2})
    for (float tau : {3.0f, 6.0f}) {
      SamplingParams params;
      params.mirostat = version;
      params.mirostat_tau = tau;
      SamplerState state(params, 5, 0, {});
      Sampler sampler(5000, pool());
      auto p = reference(logits, {});
      double surprise = 0;
      int n = 3000;
      for (int i = 0; i < n; ++i) {
        SampleRow row{logits.data(), &state, i, -1, -1, {}, true, true};
        sampler.run({&row, 1});
        surprise -= std::log2(p[row.out.token]);
      }
      EXPECT_NEAR(surprise / n, tau, 0.3) << version;
    }
}

TEST(Sampler, XtcActsWithItsProbability) {
  std::vector<float> logits(100, 0.0f);
  logits[7] = 4;
  logits[8] = 3.9f;
  Case c;
  c.params.xtc_probability = 0.3f;
  c.params.top_k = 2;
  int best = 0;
  for (Token t : draws(logits, c, 4000)) best += t == 7;
  EXPECT_NEAR(best / 4000.0, 0.7 * 0.525, 0.03);
}

/// Drafts of all kinds: right, wrong from the k-th on, and beyond a stop token.
TEST(Sampler, DraftsNeverChangeWhatIsDrawn) {
  std::mt19937 random(31);
  std::vector<std::vector<float>> logits;
  for (int i = 0; i < 12; ++i) logits.push_back(random_logits(50, 100 + i, 1));
  for (int round = 0; round < 200; ++round) {
    Case c{{}, {1, 2, 3, 1, 2}, {}, {Token(random() % 50), Token(random() % 50)}};
    if (round % 2) c.params.temperature = 0;
    if (round % 3 == 0) c.params.repetition_penalty = 1.3f;
    if (round % 5 == 0) c.params.dry_multiplier = 1;
    if (round % 7 == 0) c.params.mirostat = 2;
    if (round % 4 == 0) c.params.min_tokens = 3;
    Sampler sampler(50, pool());
    SamplerState alone = state_of(c, round), drafted = state_of(c, round);
    std::vector<Token> expected;
    for (size_t i = 0; i < logits.size(); ++i) {
      SampleRow row{logits[i].data(), &alone, int(i), -1, -1, {}, true, true};
      sampler.run({&row, 1});
      expected.push_back(row.out.token);
      if (alone.stops(row.out.token)) break;
    }
    std::vector<Token> got;
    while (got.size() < expected.size()) {
      size_t left = expected.size() - got.size();
      size_t n = 1 + random() % std::min<size_t>(left, 5);
      std::vector<SampleRow> rows(n);
      for (size_t i = 0; i < n; ++i) {
        rows[i].logits = logits[got.size() + i].data();
        rows[i].state = &drafted;
        rows[i].n_generated = int(got.size() + i);
        if (i + 1 == n) continue;
        rows[i].draft = random() % 3 ? expected[got.size() + i] : Token(random() % 50);
      }
      sampler.run(rows);
      for (const SampleRow& row : rows)
        if (row.reached) got.push_back(row.out.token);
    }
    EXPECT_EQ(got, expected) << round;
  }
}

TEST(Sampler, LargeVocabulary) {
  auto logits = random_logits(151936, 3, 2);
  for (float top_p : {0.5f, 0.95f}) {
    Case c;
    c.params.top_p = top_p;
    auto expected = reference(logits, c);
    for (Token t : draws(logits, c, 200)) EXPECT_GT(expected[t], 0);
  }
  // Flat: the likely part alone does not hold top_p.
  std::vector<float> flat(50000, 0.0f);
  Case c;
  c.params.top_p = 0.5f;
  for (Token t : draws(flat, c, 200)) EXPECT_LT(t, 25001);   // ties go to the lower token
}

TEST(Sampler, PlainDrawIsTheInverseOfTheCumulativeDistribution) {
  auto logits = random_logits(3000, 4);
  auto p = reference(logits, {});
  auto drawn = draws(logits, {}, 2000);
  int checked = 0;
  for (int i = 0; i < 2000; ++i) {
    double u = uniform(1000 + i, 0, 0), sum = 0;
    size_t t = 0;
    while (t + 1 < p.size() && sum + p[t] <= u) sum += p[t++];
    if (u - sum < 1e-5 || sum + p[t] - u < 1e-5) continue;   // rounding may decide otherwise
    EXPECT_EQ(drawn[i], Token(t));
    ++checked;
  }
  EXPECT_GT(checked, 1800);
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  std::vector<float> logits = {1, 5, 2, 5, -3};
  Case c;
  c.params.temperature = 0;
  EXPECT_EQ(draws(logits, c, 3), (std::vector<Token>{1, 1, 1}));
  c.params.logit_bias = {{3, 0.5f}};
  EXPECT_EQ(draws(logits, c, 1)[0], 3);
}

TEST(Sampler, EdgesEqualGreedy) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    auto logits = random_logits(500, seed);
    Case greedy, top_k, top_p, min_p;
    greedy.params.temperature = 0;
    top_k.params.top_k = 1;
    top_p.params.top_p = 1e-6f;
    min_p.params.min_p = 1;
    auto expected = draws(logits, greedy, 4);
    EXPECT_EQ(draws(logits, top_k, 4), expected);
    EXPECT_EQ(draws(logits, top_p, 4), expected);
    EXPECT_EQ(draws(logits, min_p, 4), expected);
  }
}

TEST(Sampler, HugeTopKIsOff) {
  auto logits = random_logits(40, 9);
  Case c;
  c.params.top_k = 1000;
  expect_distribution(logits, c);
  c.params.top_k = -1;
  EXPECT_EQ(draws(logits, c, 50), draws(logits, {}, 50));
}

TEST(Sampler, OneFiniteLogitIsTaken) {
  for (float other : {-kInf, kNan}) {
    std::vector<float> logits(300, other);
    logits[123] = -7;
    SamplingParams plain, filtered, greedy;
    filtered.top_p = 0.9f;
    filtered.typical_p = 0.9f;
    greedy.temperature = 0;
    for (const SamplingParams& params : {plain, filtered, greedy})
      EXPECT_EQ(draws(logits, {params, {}, {}, {}}, 3), (std::vector<Token>{123, 123, 123}));
  }
}

TEST(Sampler, NothingFiniteIsReportedNeverChosen) {
  for (float value : {-kInf, kNan, kInf}) {
    std::vector<float> logits(100, value);
    Sampler sampler(100, pool());
    std::vector<SamplingParams> all(3);
    all[1].temperature = 0;
    all[2].top_k = 5;
    for (const SamplingParams& params : all) {
      SamplerState state(params, 1, 0, {});
      SampleRow row{logits.data(), &state, 0, 3, -1, {}, true, true};
      sampler.run({&row, 1});
      EXPECT_FALSE(row.finite);
    }
  }
}

TEST(Sampler, SeedAndPositionDecideWhateverTheBatch) {
  auto logits = random_logits(1000, 11);
  SamplingParams params;
  params.top_p = 0.99f;
  Sampler sampler(1000, pool());
  SamplerState state(params, 42, 3, {});
  auto one = [&](int position) {
    SampleRow row{logits.data(), &state, position, -1, -1, {}, true, true};
    sampler.run({&row, 1});
    return row.out.token;
  };
  std::vector<SampleRow> rows;
  for (int i = 0; i < 64; ++i) rows.push_back({logits.data(), &state, i, -1, -1, {}, true, true});
  sampler.run(rows);
  int different = 0;
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(rows[i].out.token, one(i));
    different += rows[i].out.token != rows[0].out.token;
  }
  EXPECT_GT(different, 32);
  SamplerState sibling(params, 42, 4, {});
  rows.resize(1);
  int equal = 0;
  for (int i = 0; i < 64; ++i) {
    rows[0] = {logits.data(), &sibling, i, -1, -1, {}, true, true};
    sampler.run(rows);
    equal += rows[0].out.token == one(i);
  }
  EXPECT_LT(equal, 16);
}

TEST(Sampler, LogprobsAreThoseOfTheUnmodifiedDistribution) {
  auto logits = random_logits(5000, 12);
  logits[17] = logits[18] = 20;   // a tie at the top
  SamplingParams params;
  params.temperature = 0.3f;
  params.top_k = 3;
  params.logit_bias = {{400, 50.0f}};
  SamplerState state(params, 1, 0, {});
  Sampler sampler(5000, pool());
  SampleRow row{logits.data(), &state, 0, 20, -1, {}, true, true};
  sampler.run({&row, 1});
  EXPECT_EQ(row.out.token, 400);

  double sum = 0;
  for (float v : logits) sum += std::exp(double(v));
  std::vector<int> order(5000);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  EXPECT_NEAR(row.out.logprob, logits[400] - std::log(sum), 1e-4);
  ASSERT_EQ(row.out.top.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(row.out.top[i].token, order[i]);
    EXPECT_NEAR(row.out.top[i].logprob, logits[order[i]] - std::log(sum), 1e-4);
  }
}

TEST(Sampler, ScoresAGivenToken) {
  auto logits = random_logits(100, 13);
  logits[5] = -kInf;
  Sampler sampler(100, pool());
  std::vector<SampleRow> rows(2);
  for (int i = 0; i < 2; ++i) {
    rows[i].logits = logits.data();
    rows[i].logprobs = 0;
    rows[i].out.token = i == 0 ? 30 : 5;
  }
  sampler.run(rows);
  double sum = 0;
  for (float v : logits) sum += std::exp(double(v));
  EXPECT_NEAR(rows[0].out.logprob, logits[30] - std::log(sum), 1e-4);
  EXPECT_EQ(rows[1].out.logprob, kLogprobMin);
  EXPECT_TRUE(rows[0].out.top.empty());
}

}  // namespace
}  // namespace strata::engine
