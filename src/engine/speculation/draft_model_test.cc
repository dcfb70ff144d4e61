#include "engine/speculation/draft_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "engine/testing/fake_executor.h"

namespace strata::engine {
namespace {

using testing::FakeExecutor;
using testing::fake_logits;
using testing::prefix_hash;

constexpr int kVocab = 97;

/// What the fake model chooses after `tokens`.
std::vector<Token> continuation(std::vector<Token> tokens, int n) {
  const size_t begin = tokens.size();
  std::vector<float> logits(kVocab);
  for (int i = 0; i < n; ++i) {
    fake_logits(prefix_hash(tokens), kVocab, logits.data());
    tokens.push_back(Token(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  return {tokens.begin() + begin, tokens.end()};
}

Sequence sequence_of(int n, int seed) {
  Sequence s;
  for (int i = 0; i < n; ++i) s.tokens.push_back((i * 31 + seed) % kVocab);
  return s;
}

class DraftModelTest : public ::testing::Test {
 protected:
  FakeExecutor executor{{.n_vocab = kVocab, .n_block = 32, .max_tokens = 1024}};
  DraftModel model{executor, kVocab, 1 << 20};
};

TEST_F(DraftModelTest, DraftsWhatItsModelWouldSay) {
  std::vector<Sequence> sequences;
  for (int i = 0; i < 5; ++i) sequences.push_back(sequence_of(10 + 13 * i, i));
  std::vector<DraftModel::Cursor> cursors(5);
  std::mt19937 random(1);
  // The executor throws where a position does not hold the sequence's own token.
  for (int round = 0; round < 40; ++round) {
    std::vector<DraftModel::Wish> wishes;
    for (int i = 0; i < 5; ++i)
      if (random() % 4) wishes.push_back({&cursors[i], &sequences[i], int(random() % 6)});
    model.draft(wishes);
    for (const DraftModel::Wish& w : wishes) {
      ASSERT_EQ(w.sequence->draft, continuation(w.sequence->tokens, w.n_token));
      // Some are right; then comes a token that the target chose.
      const int right = int(random() % (w.n_token + 1));
      DraftModel::verified(*w.cursor, right);
      auto& tokens = w.sequence->tokens;
      tokens.insert(tokens.end(), w.sequence->draft.begin(), w.sequence->draft.begin() + right);
      tokens.push_back(Token(random() % kVocab));
    }
  }
  for (DraftModel::Cursor& c : cursors) model.release(c);
  EXPECT_EQ(model.used_blocks(), 0);
}

TEST_F(DraftModelTest, ALongPromptIsCaughtUpWithInPieces) {
  Sequence s = sequence_of(2 * DraftModel::kCatchUp + 10, 3);
  DraftModel::Cursor cursor;
  const DraftModel::Wish wish{&cursor, &s, 3};
  for (int i = 0; i < 2; ++i) {
    const uint64_t before = executor.n_computed;
    model.draft({&wish, 1});
    EXPECT_EQ(executor.n_computed - before, uint64_t(DraftModel::kCatchUp));
    EXPECT_TRUE(s.draft.empty());
  }
  model.draft({&wish, 1});
  EXPECT_EQ(s.draft, continuation(s.tokens, 3));
}

TEST_F(DraftModelTest, WithoutBlocksItDraftsNothing) {
  std::vector<Sequence> sequences;
  std::vector<DraftModel::Cursor> cursors(40);
  for (int i = 0; i < 40; ++i) sequences.push_back(sequence_of(20, i));
  std::vector<DraftModel::Wish> wishes;
  for (int i = 0; i < 40; ++i) wishes.push_back({&cursors[i], &sequences[i], 2});
  model.draft(wishes);
  const auto drafted = std::count_if(sequences.begin(), sequences.end(),
                                     [](const Sequence& s) { return s.draft.size() == 2; });
  EXPECT_EQ(drafted, 32);
  for (DraftModel::Cursor& c : cursors) model.release(c);
  EXPECT_EQ(model.used_blocks(), 0);
}

TEST_F(DraftModelTest, AFailureEndsDraftingAndNothingElse) {
  Sequence s = sequence_of(20, 1);
  DraftModel::Cursor cursor;
  const DraftModel::Wish wish{&cursor, &s, 2};
  executor.before_run = [](const StepBatch&) { throw std::runtime_error("broken"); };
  model.draft({&wish, 1});
  executor.before_run = nullptr;
  model.draft({&wish, 1});
  EXPECT_TRUE(s.draft.empty());
  EXPECT_EQ(executor.n_computed, 0u);
}

}  // namespace
}  // namespace strata::engine
