#include <gtest/gtest.h>

#include <random>

#include "engine/speculation/drafter.h"

namespace strata::engine {
namespace {

std::vector<Token> random_text(std::mt19937& random, int n, int letters) {
  std::vector<Token> text(n);
  for (Token& t : text) t = Token(random() % letters);
  return text;
}

/// Tokens before `a` that agree with those before `b`.
int agreeing(std::span<const Token> text, int a, int b, int most) {
  int n = 0;
  while (n < most && n < a && text[a - 1 - n] == text[b - 1 - n]) ++n;
  return n;
}

TEST(NgramIndex, FindsTheLongestLatestMatchOfAGrowingText) {
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    // Few enough repetitions of an n-gram that all of them are compared.
    auto text = random_text(random, 30 + int(random() % 200), 12);
    NgramIndex index;
    for (size_t n = 1; n <= text.size(); n += 1 + random() % 5) {
      std::span<const Token> now(text.data(), n);
      index.extend(now);
      Match found = index.find(now), best;
      for (int at = int(n) - 1; at > 0; --at) {
        int length = agreeing(now, at, int(n), NgramIndex::kMax);
        if (length >= NgramIndex::kMin && length > best.length) best = {length, at};
      }
      ASSERT_EQ(found.length, best.length);
      if (best.length > 0) {
        ASSERT_EQ(found.next, best.next);
      }
    }
  }
}

TEST(SuffixAutomaton, KnowsTheLongestSuffixThatOccurred) {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    SuffixAutomaton automaton(1000);
    std::vector<std::vector<Token>> texts;
    for (int i = 0; i < 4; ++i) {
      texts.push_back(random_text(random, int(random() % 60), 3));
      automaton.add(texts.back());
    }
    auto query = random_text(random, 50, 3 + int(random() % 2));
    SuffixAutomaton::Cursor cursor;
    for (size_t n = 1; n <= query.size(); ++n) {
      automaton.advance(cursor, query[n - 1]);
      int longest = 0;
      for (const auto& text : texts)
        for (size_t end = 1; end <= text.size(); ++end) {
          size_t k = 0;
          while (k < end && k < n && text[end - 1 - k] == query[n - 1 - k]) ++k;
          longest = std::max(longest, int(k));
        }
      ASSERT_EQ(cursor.length, longest);
      Match match = automaton.match(cursor);
      ASSERT_EQ(match.length, longest);
      if (longest == 0) continue;
      auto before = automaton.text(match.next - longest, longest);
      ASSERT_TRUE(std::equal(before.begin(), before.end(), query.begin() + n - longest));
    }
  }
}

TEST(SuffixAutomaton, WhatFollowsEndsWithItsText) {
  SuffixAutomaton automaton(100);
  automaton.add(std::vector<Token>{1, 2, 3, 4});
  automaton.add(std::vector<Token>{5, 6});
  SuffixAutomaton::Cursor cursor;
  automaton.advance(cursor, 2);
  automaton.advance(cursor, 3);
  auto text = automaton.text(automaton.match(cursor).next, 10);
  EXPECT_EQ(std::vector<Token>(text.begin(), text.end()), std::vector<Token>{4});
}

TEST(SuffixAutomaton, StopsGrowingAtItsLimit) {
  SuffixAutomaton automaton(50);
  std::mt19937 random(3);
  for (int i = 0; i < 10; ++i) automaton.add(random_text(random, 20, 5));
  EXPECT_TRUE(automaton.full());
  automaton.clear();
  EXPECT_FALSE(automaton.full());
}

/// Steps that cost `fixed` and `each` a token.
StepCost cost_of(double fixed, double each) {
  StepCost cost;
  for (int n = 1; n < 100; ++n) cost.observe({.tokens = n}, fixed + each * n);
  return cost;
}

class DrafterTest : public ::testing::Test {
 protected:
  /// Drafts for a text that repeats itself.
  int drafted(const StepCost& cost, int n_decode) {
    Sequence s;
    for (int i = 0; i < 40; ++i) s.tokens.push_back(i % 10);
    s.n_total_max = 1000;
    StepLoad load;
    for (int i = 0; i < n_decode; ++i) load.add(1, 40);
    drafter.begin_step(cost, load, n_decode);
    DraftState state;
    if (!drafter.worthwhile()) return 0;
    drafter.draft(state, s);
    for (size_t i = 0; i < s.draft.size(); ++i) EXPECT_EQ(s.draft[i], Token(i % 10));
    drafter.verified(state, int(s.draft.size()), right ? int(s.draft.size()) : 0);
    return int(s.draft.size());
  }
  Drafter drafter{Speculation::all, 8};
  bool right = true;
};

TEST_F(DrafterTest, DraftsWhereAStepIsMostlyFixedCost) {
  const StepCost cost = cost_of(0.010, 0.0005);
  EXPECT_GE(drafted(cost, 1), 4);
  for (int i = 0; i < 100; ++i) drafted(cost, 1);
  EXPECT_EQ(drafted(cost, 1), 8);   // they are always right
}

TEST_F(DrafterTest, OffWhereEveryTokenCostsItsFullPrice) {
  EXPECT_EQ(drafted(cost_of(0.0001, 0.001), 1), 0);
  EXPECT_EQ(drafted(cost_of(0.010, 0.0005), 200), 0);   // a large batch has no fixed cost to share
}

TEST_F(DrafterTest, OffWhereDraftsAreWrong) {
  const StepCost cost = cost_of(0.010, 0.002);
  right = false;
  for (int i = 0; i < 100; ++i) drafted(cost, 1);
  int tokens = 0;
  for (int i = 0; i < 1000; ++i) tokens += drafted(cost, 1);
  EXPECT_GT(tokens, 0);    // it is tried again at times
  EXPECT_LT(tokens, 100);
}

}  // namespace
}  // namespace strata::engine
