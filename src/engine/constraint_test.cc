// Constrained sequences through the whole core: the same text whatever the drafts, the batch and
// the blocks, and never a token that was not allowed.
#include "engine/constraint.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/core.h"
#include "engine/testing/fake_executor.h"

namespace strata::engine {
namespace {

using testing::FakeExecutor;

constexpr int kVocab = 40;
constexpr Token kEos = 39;
constexpr int kLength = 60;

/// Position n takes tokens of n's class modulo 5, positions 3 to 6 of ten only one; from 50 tokens
/// on the text may end, with 60 it has ended.
class Classes : public Constraint {
 public:
  static bool allows(int n, Token t) {
    if (t == kEos) return n >= 50 && !forces(n);
    return n < kLength && (forces(n) ? t == only(n) : t % 5 == n % 5);
  }
  static bool forces(int n) { return n % 10 >= 3 && n % 10 <= 6 && n < kLength; }
  static Token only(int n) { return Token((n * 7) % 30); }

  std::unique_ptr<Constraint> clone() const override { return std::make_unique<Classes>(*this); }
  bool mask(std::span<uint32_t> words) override {
    std::fill(words.begin(), words.end(), 0);
    for (Token t = 0; t < kVocab; ++t)
      if (allows(n_, t)) words[size_t(t) / 32] |= uint32_t(1) << (t % 32);
    return true;
  }
  void accept(Token t) override {
    if (!allows(n_, t)) error_ = "not allowed";
    ++n_;
  }
  void forced(std::vector<Token>& tokens) override {
    tokens.clear();
    for (int n = n_; forces(n); ++n) tokens.push_back(only(n));
  }
  bool finished() const override { return n_ >= kLength; }
  std::string error() const override { return error_; }

 private:
  int n_ = 0;
  std::string error_;
};

struct Setting {
  Speculation speculation = Speculation::off;
  int n_block = 64, max_tokens = 64, max_logits = 32;
  bool logprobs = false;
};

struct Result {
  std::vector<std::vector<Token>> texts;
  std::vector<Finish> finishes;
  EngineStats stats;
  int n_scored = 0;
};

CoreOptions options_for(const FakeExecutor& executor, int max_num_seqs) {
  CoreOptions options;
  options.scheduler.kv = executor.kv();
  options.scheduler.max_num_batched_tokens = executor.max_tokens();
  options.scheduler.max_logits = executor.max_logits();
  options.scheduler.max_num_seqs = max_num_seqs;
  return options;
}

Result run(const Setting& setting, float temperature, int max_tokens = 200) {
  FakeExecutor executor({.n_vocab = kVocab,
                         .n_block = setting.n_block,
                         .max_tokens = setting.max_tokens,
                         .max_logits = setting.max_logits,
                         .threads = 2});
  CoreOptions options = options_for(executor, 8);
  options.speculation = setting.speculation;
  options.num_speculative_tokens = 6;
  options.multi_step = 4;
  double now = 0;
  options.now = [&now] { return now += 1e-4; };
  Core core(executor, options);
  Result result;
  constexpr int kRequests = 4, kN = 2;
  result.texts.resize(kRequests * kN);
  result.finishes.resize(kRequests * kN);
  const auto constraint = std::make_shared<Classes>();
  for (int i = 0; i < kRequests; ++i) {
    Request r;
    for (int k = 0; k < 50 + 30 * i; ++k) r.prompt.push_back(Token(k % 11));
    r.n = kN;
    r.sampling.temperature = temperature;
    r.sampling.seed = 100 + i;
    r.sampling.max_tokens = max_tokens;
    r.sampling.logprobs = setting.logprobs ? 0 : -1;
    r.constraint = constraint;
    auto take = [&result, i](const Event& e) {
      const size_t at = size_t(i * kN + e.index);
      for (const Generated& g : e.tokens) {
        result.texts[at].push_back(g.token);
        result.n_scored += g.logprob != 0;
      }
      result.finishes[at] = e.finish;
      EXPECT_EQ(e.error, "");
    };
    const Token stop[] = {kEos};
    core.add(make_live(uint64_t(i + 1), std::move(r), take, stop, 600));
  }
  for (int step = 0; step < 5000 && !core.idle(); ++step) core.step();
  EXPECT_TRUE(core.idle());
  result.stats = core.stats();
  return result;
}

void expect_allowed(const Result& result) {
  for (const auto& text : result.texts) {
    EXPECT_GE(text.size(), 50u);
    EXPECT_LE(int(text.size()), kLength);
    for (size_t n = 0; n < text.size(); ++n) EXPECT_TRUE(Classes::allows(int(n), text[n])) << n;
  }
  for (Finish finish : result.finishes) EXPECT_EQ(finish, Finish::stop);
}

TEST(Constraint, TextIsAllowedAndEnds) {
  for (float temperature : {0.f, 1.f}) {
    const Result r = run({}, temperature);
    expect_allowed(r);
    // Of every ten tokens four have no alternative.
    EXPECT_GT(r.stats.forced_tokens, r.stats.generated_tokens / 4);
  }
}

TEST(Constraint, DraftsChangeNothing) {
  for (float temperature : {0.f, 1.f}) {
    const Result plain = run({}, temperature);
    for (Speculation method : {Speculation::ngram, Speculation::all})
      EXPECT_EQ(run({.speculation = method}, temperature).texts, plain.texts);
  }
}

TEST(Constraint, PreemptionsChangeNothing) {
  const Result plain = run({}, 1);
  const Result tight = run({.n_block = 7}, 1);
  EXPECT_GT(tight.stats.preemptions, 0u);
  EXPECT_EQ(tight.texts, plain.texts);
  EXPECT_EQ(run({.max_tokens = 9, .max_logits = 8}, 1).texts, plain.texts);
}

TEST(Constraint, LogprobsNeedARowForEveryToken) {
  const Result plain = run({}, 1), scored = run({.logprobs = true}, 1);
  EXPECT_EQ(scored.texts, plain.texts);
  EXPECT_EQ(scored.stats.forced_tokens, 0u);
  size_t n = 0;
  for (const auto& text : scored.texts) n += text.size();
  EXPECT_EQ(size_t(scored.n_scored), n);
}

TEST(Constraint, ForcedTokensStopAtTheLimit) {
  const Result r = run({}, 1, 5);  // in the midst of forced ones
  for (const auto& text : r.texts) EXPECT_EQ(text.size(), 5u);
  for (Finish finish : r.finishes) EXPECT_EQ(finish, Finish::length);
}

/// Allows nothing from the third token on.
class DeadEnd : public Classes {
 public:
  std::unique_ptr<Constraint> clone() const override { return std::make_unique<DeadEnd>(*this); }
  bool mask(std::span<uint32_t> words) override {
    if (n_++ < 2) return false;
    std::fill(words.begin(), words.end(), 0);
    return true;
  }
  void accept(Token) override {}
  void forced(std::vector<Token>& tokens) override { tokens.clear(); }
  std::string error() const override { return n_ > 2 ? "lost the thread" : ""; }

 private:
  int n_ = 0;
};

TEST(Constraint, AnErrorEndsTheSequenceWithItsReason) {
  FakeExecutor executor({.n_vocab = kVocab});
  Core core(executor, options_for(executor, 4));
  Request r;
  r.prompt = {1, 2, 3};
  r.constraint = std::make_shared<DeadEnd>();
  Finish finish = Finish::none;
  std::string error;
  int n = 0;
  auto take = [&](const Event& e) {
    n += int(e.tokens.size());
    finish = e.finish;
    error = e.error;
  };
  core.add(make_live(1, std::move(r), take, {}, 100));
  for (int step = 0; step < 50 && !core.idle(); ++step) core.step();
  EXPECT_EQ(finish, Finish::error);
  EXPECT_EQ(error, "lost the thread");
  EXPECT_EQ(n, 2);
}

/// The constraint goes before rules that ban all it allows.
TEST(Constraint, WinsOverRules) {
  FakeExecutor executor({.n_vocab = kVocab});
  Core core(executor, options_for(executor, 4));
  Request r;
  r.prompt = {1, 2, 3};
  r.sampling.allowed_tokens = {1};  // position 0 takes 0, 5, 10 ...
  r.sampling.max_tokens = 3;
  r.constraint = std::make_shared<Classes>();
  std::vector<Token> text;
  core.add(make_live(
      1, std::move(r),
      [&](const Event& e) {
        for (const Generated& g : e.tokens) text.push_back(g.token);
      },
      {}, 100));
  for (int step = 0; step < 50 && !core.idle(); ++step) core.step();
  ASSERT_EQ(text.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Classes::allows(int(i), text[i]));
  EXPECT_EQ(text[1], 1);
}

}  // namespace
}  // namespace strata::engine
