#include "engine/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <set>

#include "base/error.h"
#include "engine/sampler.h"
#include "engine/testing/fake_executor.h"

namespace strata::engine {
namespace {

using testing::FakeExecutor;
using testing::FakeOptions;
using testing::fake_logits;
using testing::prefix_hash;

/// What a receiver saw of one request.
struct Answer {
  struct Part {
    std::vector<Generated> tokens;
    std::vector<Generated> prompt;
    Finish finish = Finish::none;
    std::string error;
    Token stop_token = -1;
    Usage usage;
    int n_event = 0;
    std::vector<Token> ids() const {
      std::vector<Token> out;
      for (const Generated& g : tokens) out.push_back(g.token);
      return out;
    }
  };
  std::vector<Part> parts;
};

class Receiver {
 public:
  explicit Receiver(int n) { answer_.parts.resize(n); }
  void take(const Event& e) {
    std::lock_guard lock(mutex_);
    Answer::Part& p = answer_.parts.at(e.index);
    EXPECT_EQ(p.finish, Finish::none) << "an event after the last";
    p.tokens.insert(p.tokens.end(), e.tokens.begin(), e.tokens.end());
    if (!e.prompt.empty()) p.prompt = e.prompt;
    p.finish = e.finish;
    p.error = e.error;
    p.stop_token = e.stop_token;
    p.usage = e.usage;
    ++p.n_event;
    changed_.notify_all();
  }
  Answer wait() {
    wait_until([](const Answer& a) {
      for (const auto& p : a.parts)
        if (p.finish == Finish::none) return false;
      return true;
    });
    std::lock_guard lock(mutex_);
    return answer_;
  }
  template <class F>
  void wait_until(F done) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return done(answer_); }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
};

class EngineTest : public ::testing::Test {
 protected:
  void start(FakeOptions fake = {}, EngineOptions options = {}) {
    n_vocab = fake.n_vocab;
    auto made = std::make_unique<FakeExecutor>(fake);
    executor = made.get();
    if (prepare) prepare(*executor);
    std::unique_ptr<FakeExecutor> draft;
    if (prepare_draft) {
      draft = std::make_unique<FakeExecutor>(fake);
      prepare_draft(*draft);
    }
    engine.emplace(std::move(made), std::vector<Token>{kEos}, options, std::move(draft));
  }
  std::pair<uint64_t, std::shared_ptr<Receiver>> submit(Request r) {
    auto receiver = std::make_shared<Receiver>(r.n);
    uint64_t id = engine->submit(std::move(r), [receiver](const Event& e) { receiver->take(e); });
    return {id, receiver};
  }
  Answer ask(Request r) { return submit(std::move(r)).second->wait(); }

  /// What a request must give, computed alone and without a cache.
  std::vector<Token> expected(const Request& r, int index = 0) {
    std::vector<Token> stop = r.sampling.stop_tokens;
    if (!r.sampling.ignore_eos) stop.push_back(kEos);
    SamplerState state(r.sampling, r.sampling.seed.value_or(0), index, stop);
    state.begin(r.prompt);
    ThreadPool one({.threads = 1, .cpus = {}, .pin = false});
    Sampler sampler(n_vocab, one);
    std::vector<Token> tokens = r.prompt, out;
    std::vector<float> logits(n_vocab);
    while (int(out.size()) < r.sampling.max_tokens) {
      fake_logits(prefix_hash(tokens), n_vocab, logits.data());
      SampleRow row{logits.data(), &state, int(out.size()), -1, -1, {}, true, true};
      sampler.run({&row, 1});
      if (state.stops(row.out.token)) break;
      out.push_back(row.out.token);
      tokens.push_back(row.out.token);
    }
    return out;
  }

  /// A step of `e` takes a fixed time and some for each token, by a clock of the test: whether
  /// drafts pay is then the same on every machine.
  void costs(FakeExecutor& e, int fixed_us, int token_us) {
    e.before_run = [this, fixed_us, token_us](const StepBatch& batch) {
      clock_us += fixed_us + token_us * static_cast<int>(batch.tokens.size());
    };
  }
  std::function<double()> clock() {
    return [this] { return static_cast<double>(clock_us) * 1e-6; };
  }

  static constexpr Token kEos = 96;
  std::atomic<int64_t> clock_us = 0;
  int n_vocab = 0;
  FakeExecutor* executor = nullptr;
  std::function<void(FakeExecutor&)> prepare, prepare_draft;   // the second: with a draft model
  std::optional<Engine> engine;
};

std::vector<Token> prompt_of(int n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Token> tokens(n);
  for (Token& t : tokens) t = Token(random() % 90);
  return tokens;
}

/// Steps long enough that thousands of them outlast what the test does meanwhile.
void slow(FakeExecutor& e) {
  e.before_run = [](const StepBatch&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Request greedy(std::vector<Token> prompt, int max_tokens) {
  Request r;
  r.prompt = std::move(prompt);
  r.sampling.temperature = 0;
  r.sampling.max_tokens = max_tokens;
  return r;
}

TEST_F(EngineTest, GreedyEqualsTheReferenceAlone) {
  start();
  Request r = greedy(prompt_of(150, 1), 40);
  r.sampling.ignore_eos = true;
  Answer a = ask(r);
  EXPECT_EQ(a.parts[0].ids(), expected(r));
  EXPECT_EQ(a.parts[0].finish, Finish::length);
  EXPECT_EQ(a.parts[0].n_event, 40);
  EXPECT_EQ(a.parts[0].usage.prompt_tokens, 150);
  EXPECT_EQ(a.parts[0].usage.completion_tokens, 40);
}

TEST_F(EngineTest, ManyMixedRequestsInASmallPoolEqualTheReference) {
  start({.n_block = 24, .max_tokens = 80, .max_logits = 40}, {.max_num_seqs = 20});
  std::mt19937 random(3);
  std::vector<Request> requests;
  for (int i = 0; i < 80; ++i) {
    Request r = greedy(prompt_of(200, random() % 3), 1 + int(random() % 120));
    r.prompt.resize(1 + random() % 200);
    if (random() % 3 == 0) r.n = 1 + int(random() % 4);
    if (random() % 2) {
      r.sampling.temperature = 1;
      r.sampling.seed = random();
      r.sampling.top_p = 0.9f;
    }
    if (random() % 4 == 0) r.sampling.repetition_penalty = 1.2f;
    if (random() % 4 == 0) r.sampling.min_tokens = std::min(20, r.sampling.max_tokens);
    r.priority = int(random() % 3);
    requests.push_back(r);
  }
  std::vector<std::shared_ptr<Receiver>> receivers;
  for (const Request& r : requests) receivers.push_back(submit(r).second);
  for (size_t i = 0; i < requests.size(); ++i) {
    Answer a = receivers[i]->wait();
    for (int k = 0; k < requests[i].n; ++k) {
      if (requests[i].sampling.min_tokens == 0) {
        EXPECT_EQ(a.parts[k].ids(), expected(requests[i], k)) << i << " " << k;
      }
      EXPECT_GE(a.parts[k].usage.completion_tokens, requests[i].sampling.min_tokens);
      EXPECT_EQ(a.parts[k].error, "");
    }
  }
  EXPECT_TRUE(engine->drain(10));
  EngineStats s = engine->stats();
  EXPECT_GT(s.preemptions, 0u);
  EXPECT_GT(s.cached_tokens, 0u);
  EXPECT_EQ(s.kv_blocks_used, 0);
  EXPECT_EQ(s.requests_finished, requests.size());
}

/// A folder of its own, gone at the end.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("strata_engine_" + std::to_string(::getpid()))).string();
  Folder() { std::filesystem::remove_all(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& e : std::filesystem::recursive_directory_iterator(path))
      if (e.is_regular_file()) found.push_back(e.path());
    return found;
  }
};

TEST_F(EngineTest, WhatWasPushedOutComesBackFromMemory) {
  for (size_t ram_bytes : {size_t(0), size_t(1) << 20}) {
    engine.reset();
    start({.n_block = 12}, {.kv_ram_bytes = ram_bytes});
    Request r = greedy(prompt_of(300, 60), 3), other = greedy(prompt_of(600, 61), 3);
    const auto text = ask(r).parts[0].ids();
    EXPECT_EQ(ask(r).parts[0].ids(), text);   // the second use
    ask(other);                               // takes all the room
    Answer again = ask(r);
    EXPECT_EQ(again.parts[0].ids(), text);
    EXPECT_EQ(again.parts[0].usage.cached_tokens == 256, ram_bytes > 0);
  }
}

// So few pages that most blocks have lost those of their windows when they are written.
TEST_F(EngineTest, PrefixesOfModelsWithWindowsOutliveTheProcess) {
  Folder folder;
  const FakeOptions fake{.kv = {.n_block = 26, .n_page = 26,
                                .groups = {{}, {.reach = 2, .n_page = 3}}}};
  const EngineOptions options{.kv_disk_path = folder.path};
  const Request r = greedy(prompt_of(600, 64), 3);
  start(fake, options);
  for (int use = 0; use < 2; ++use) EXPECT_EQ(ask(r).parts[0].ids(), expected(r));
  engine.reset();
  std::set<uintmax_t> sizes;
  for (const auto& file : folder.files()) sizes.insert(std::filesystem::file_size(file));
  EXPECT_EQ(folder.files().size(), 9u);
  EXPECT_EQ(sizes.size(), 2u) << "with and without the pages of windows";
  start(fake, options);
  const Answer again = ask(r);
  EXPECT_EQ(again.parts[0].ids(), expected(r));
  EXPECT_EQ(again.parts[0].usage.cached_tokens, 9 * kBlock);
  EXPECT_EQ(engine->stats().tiers.disk_hits, 9u);
  EXPECT_EQ(engine->stats().kv_bytes_used, 0);
}

TEST_F(EngineTest, PrefixesOutliveTheProcessOnDiskAndDamageIsRecomputed) {
  Folder folder;
  const EngineOptions options{.kv_disk_path = folder.path};
  Request r = greedy(prompt_of(300, 62), 3), once = greedy(prompt_of(300, 63), 3);
  start({}, options);
  const auto text = ask(r).parts[0].ids();
  EXPECT_EQ(ask(r).parts[0].ids(), text);
  ask(once);
  engine.reset();
  EXPECT_EQ(folder.files().size(), 4u);       // written after the second use, not before
  start({}, options);
  Answer again = ask(r);
  EXPECT_EQ(again.parts[0].ids(), text);
  EXPECT_EQ(again.parts[0].usage.cached_tokens, 256);
  EXPECT_EQ(ask(once).parts[0].usage.cached_tokens, 0);
  EXPECT_EQ(engine->stats().tiers.disk_hits, 4u);
  engine.reset();
  for (const auto& file : folder.files()) {
    std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(700);
    f.put('\x5a');
  }
  start({}, options);
  EXPECT_EQ(ask(r).parts[0].ids(), text);
  EXPECT_GT(engine->stats().tiers.corrupt, 0u);
}

TEST_F(EngineTest, ACancelWhileFilesAreReadIsHeeded) {
  Folder folder;
  const EngineOptions options{.kv_disk_path = folder.path};
  Request r = greedy(prompt_of(600, 64), 3);
  start({}, options);
  ask(r);
  ask(r);
  engine.reset();
  start({}, options);
  for (int i = 0; i < 20; ++i) {
    auto [id, receiver] = submit(r);
    engine->cancel(id);
    receiver->wait();
  }
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(engine->stats().kv_blocks_used, 0);
}

/// Logits that mostly repeat the token seven positions before.
void repetitive(FakeExecutor& e) {
  e.after_run = [](const StepBatch& batch, std::vector<float>& logits) {
    const int n_vocab = 97;
    size_t row = 0;
    for (const StepSequence& s : batch.sequences)
      for (int i = s.n_token - s.n_logits; i < s.n_token; ++i, ++row)
        logits[row * n_vocab + (s.n_past + i) % 7] += 6;
  };
}

TEST_F(EngineTest, DraftsMakeFewerStepsOfTheSameText) {
  std::vector<std::vector<Token>> texts[2];
  uint64_t steps[2];
  for (Speculation method : {Speculation::off, Speculation::all}) {
    const int which = method == Speculation::all;
    prepare = [this](FakeExecutor& e) {
      repetitive(e);
      costs(e, 1000, 10);
    };
    engine.reset();
    start({}, {.speculation = method, .now = clock()});
    for (int i = 0; i < 6; ++i) {
      Request r = greedy(prompt_of(30, 40 + i), 100);
      r.sampling.ignore_eos = true;
      r.sampling.seed = i;
      if (i % 2) r.sampling.temperature = 0.8f;
      if (i % 3 == 0) r.sampling.frequency_penalty = 0.02f;
      texts[which].push_back(ask(r).parts[0].ids());
    }
    engine->drain(10);
    steps[which] = engine->stats().steps;
    EXPECT_EQ(engine->stats().kv_blocks_used, 0);
    EXPECT_EQ(engine->stats().generated_tokens, 6u * 100);
    EXPECT_EQ(engine->stats().accepted_tokens > 0, which == 1);
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_LT(steps[1] * 5, steps[0] * 4);
}

/// Every third choice is another one.
void often_wrong(FakeExecutor& e) {
  e.after_run = [](const StepBatch& batch, std::vector<float>& logits) {
    size_t row = 0;
    for (const StepSequence& s : batch.sequences)
      for (int i = s.n_token - s.n_logits; i < s.n_token; ++i, ++row)
        if ((s.n_past + i) % 3 == 0) logits[row * 97 + (s.n_past + i) % 97] += 20;
  };
}

TEST_F(EngineTest, ADraftModelMakesFewerStepsOfTheSameText) {
  std::vector<std::vector<Token>> texts[2];
  uint64_t steps[2];
  prepare = [this](FakeExecutor& e) { costs(e, 1000, 10); };
  for (bool drafts : {false, true}) {
    if (drafts) {
      prepare_draft = [this](FakeExecutor& e) {
        often_wrong(e);
        costs(e, 50, 1);
      };
    }
    engine.reset();
    start({}, {.speculation = Speculation::off, .now = clock()});
    std::vector<std::shared_ptr<Receiver>> receivers;
    for (int i = 0; i < 6; ++i) {
      Request r = greedy(prompt_of(30, 40 + i), 100);
      r.sampling.ignore_eos = true;
      r.sampling.seed = i;
      r.n = 1 + i % 2;
      if (i % 3 == 0) r.sampling.temperature = 0.2f;
      receivers.push_back(submit(r).second);
    }
    for (auto& receiver : receivers)
      for (auto& part : receiver->wait().parts) texts[drafts].push_back(part.ids());
    engine->drain(10);
    steps[drafts] = engine->stats().steps;
    EXPECT_EQ(engine->stats().kv_blocks_used, 0);
    EXPECT_EQ(engine->stats().accepted_tokens > 0, drafts);
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_LT(steps[1], steps[0]);
}

// Drafts that come from elsewhere must not be drawn more often for it: Pearson's statistic of the
// tokens at one position over many seeds, against the model's own distribution.
TEST_F(EngineTest, DraftsLeaveTheDistributionAsItIs) {
  constexpr int kVocabulary = 8, kSeeds = 4000, kPosition = 3;
  prepare = [this](FakeExecutor& e) {
    costs(e, 1000, 10);
    e.after_run = [](const StepBatch&, std::vector<float>& logits) {
      for (size_t i = 0; i < logits.size(); ++i) logits[i] = 0.4f * float(i % kVocabulary);
    };
  };
  prepare_draft = [this](FakeExecutor& e) {
    costs(e, 50, 1);
    e.after_run = [](const StepBatch&, std::vector<float>& logits) {
      for (size_t i = 0; i < logits.size(); ++i) logits[i] = i % kVocabulary == 6 ? 5.0f : 0.0f;
    };
  };
  start({.n_vocab = kVocabulary, .n_block = 600, .max_tokens = 512, .max_logits = 512},
        {.max_num_seqs = 64, .speculation = Speculation::off, .now = clock()});
  std::vector<std::shared_ptr<Receiver>> receivers;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Request r = greedy({1, 2, 3}, kPosition + 2);
    r.sampling.ignore_eos = true;
    r.sampling.temperature = 1;
    r.sampling.seed = seed;
    receivers.push_back(submit(r).second);
  }
  std::vector<double> counts(kVocabulary), expected(kVocabulary);
  double total = 0;
  for (int i = 0; i < kVocabulary; ++i) total += expected[i] = std::exp(0.4 * i);
  for (auto& receiver : receivers) ++counts[receiver->wait().parts[0].ids().at(kPosition)];
  double statistic = 0;
  for (int i = 0; i < kVocabulary; ++i) {
    const double e = kSeeds * expected[i] / total;
    statistic += (counts[i] - e) * (counts[i] - e) / e;
  }
  EXPECT_LT(statistic, 24.3);   // 7 degrees of freedom: above it in one of 1,000
  EXPECT_GT(engine->stats().accepted_tokens, 100u);
}

// Nothing is reserved: what the tokens need is enough, and it is given back.
TEST_F(EngineTest, ManyStreamsFitInWhatTheirTokensNeed) {
  constexpr int kStreams = 192, kTokens = 512, kPrompt = 64;
  constexpr int kBlocks = kStreams * (kTokens / kBlock) * 105 / 100;
  std::atomic<size_t> most = 0;
  std::atomic<bool> all_are_here = false;
  prepare = [&](FakeExecutor& e) {
    e.before_run = [&](const StepBatch& b) {
      all_are_here.wait(false);
      most = std::max<size_t>(most, b.sequences.size());
    };
  };
  start({.n_block = kBlocks, .max_tokens = 512, .max_logits = 512},
        {.max_num_seqs = kStreams, .speculation = Speculation::off, .itl_target_ms = 0});
  std::vector<std::shared_ptr<Receiver>> receivers;
  for (int i = 0; i < kStreams; ++i) {
    Request r = greedy(prompt_of(kPrompt, 1000 + i), kTokens - kPrompt);
    r.sampling.ignore_eos = true;
    receivers.push_back(submit(r).second);
  }
  all_are_here = true;
  all_are_here.notify_all();
  for (auto& receiver : receivers) EXPECT_EQ(receiver->wait().parts[0].finish, Finish::length);
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(most, size_t(kStreams));
  EXPECT_EQ(engine->stats().preemptions, 0u);
  EXPECT_EQ(engine->stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, PastTheDeadlineItEnds) {
  prepare = slow;
  start();
  Request r = greedy(prompt_of(20, 50), 3000);
  r.sampling.ignore_eos = true;
  r.deadline_s = 0.05;
  EXPECT_EQ(ask(r).parts[0].finish, Finish::expired);
  engine->drain(10);
  EXPECT_EQ(engine->stats().requests_expired, 1u);
  EXPECT_EQ(engine->stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, AStepThatHangsIsSeen) {
  std::atomic<bool> hang = true;
  prepare = [&](FakeExecutor& e) {
    e.before_run = [&](const StepBatch&) {
      while (hang) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
  };
  start();
  EXPECT_EQ(engine->step_age_s(), 0);
  auto asked = submit(greedy(prompt_of(5, 51), 2));
  for (int i = 0; i < 5000 && engine->step_age_s() < 0.02; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(engine->step_age_s(), 0.02);
  hang = false;
  asked.second->wait();
  engine->drain(10);
}

TEST_F(EngineTest, StopTokenEndsAndIsNotText) {
  start();
  Request r = greedy(prompt_of(20, 5), 30);
  r.sampling.ignore_eos = true;
  auto all = expected(r);
  Token stop = all[10];
  auto first = std::find(all.begin(), all.end(), stop);
  r.sampling.stop_tokens = {stop};
  Answer a = ask(r);
  EXPECT_EQ(a.parts[0].finish, Finish::stop);
  EXPECT_EQ(a.parts[0].stop_token, stop);
  EXPECT_EQ(a.parts[0].ids(), std::vector<Token>(all.begin(), first));
  EXPECT_EQ(a.parts[0].usage.completion_tokens, int(first - all.begin()) + 1);
}

TEST_F(EngineTest, OutputIsClippedToTheContext) {
  start({}, {.max_model_len = 50});
  Request r = greedy(prompt_of(45, 6), 1000);
  r.sampling.ignore_eos = true;
  Answer a = ask(r);
  EXPECT_EQ(a.parts[0].finish, Finish::length);
  EXPECT_EQ(a.parts[0].tokens.size(), 5u);
  try {
    ask(greedy(prompt_of(51, 6), 1));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), "context_length_exceeded");
  }
}

TEST_F(EngineTest, ARepeatedPromptIsComputedOnlyToItsEnd) {
  start();
  Request r = greedy(prompt_of(300, 7), 3);
  Answer first = ask(r);
  uint64_t before = executor->n_computed;
  Answer second = ask(r);
  EXPECT_EQ(first.parts[0].ids(), second.parts[0].ids());
  EXPECT_EQ(second.parts[0].usage.cached_tokens, 256);
  EXPECT_LE(executor->n_computed - before, 300u - 256 + 3);
  engine->drain(10);
  EXPECT_EQ(engine->stats().cached_tokens, 256u);
  EXPECT_EQ(engine->stats().prompt_tokens, 600u);
}

TEST_F(EngineTest, WithoutPrefixCachingNothingIsCached) {
  start({}, {.prefix_caching = false});
  Request r = greedy(prompt_of(300, 7), 3);
  EXPECT_EQ(ask(r).parts[0].ids(), ask(r).parts[0].ids());
  EXPECT_EQ(engine->stats().cached_tokens, 0u);
}

TEST_F(EngineTest, PromptLogprobsInBoundedChunks) {
  start({.max_logits = 16}, {.max_num_seqs = 8});
  Request r = greedy(prompt_of(100, 8), 2);
  r.prompt_logprobs = 3;
  r.sampling.logprobs = 3;
  r.sampling.ignore_eos = true;
  for (int repeat = 0; repeat < 2; ++repeat) {   // the second time over a cached prompt
    Answer a = ask(r);
    ASSERT_EQ(a.parts[0].prompt.size(), 100u);
    for (int i = 0; i < 100; ++i) {
      const Generated& g = a.parts[0].prompt[i];
      EXPECT_EQ(g.token, r.prompt[i]);
      EXPECT_EQ(g.top.size(), i == 0 ? 0u : 3u);
      if (i == 0) continue;
      std::vector<float> logits(n_vocab);
      fake_logits(prefix_hash(std::span(r.prompt).first(i)), n_vocab, logits.data());
      double sum = 0;
      for (float v : logits) sum += std::exp(double(v));
      EXPECT_NEAR(g.logprob, logits[g.token] - std::log(sum), 1e-4);
    }
    EXPECT_EQ(a.parts[0].ids(), expected(r));
  }
}

TEST_F(EngineTest, NoOutputOnlyTheEcho) {
  start();
  Request r = greedy(prompt_of(30, 9), 0);
  r.prompt_logprobs = 3;
  r.n = 2;
  Answer a = ask(r);
  EXPECT_EQ(a.parts[0].finish, Finish::length);
  EXPECT_EQ(a.parts[1].finish, Finish::length);
  EXPECT_TRUE(a.parts[0].tokens.empty());
  EXPECT_EQ(a.parts[0].prompt.size(), 30u);
  EXPECT_EQ(a.parts[0].usage.completion_tokens, 0);
}

TEST_F(EngineTest, CancelFreesTheMemory) {
  start();
  Request r = greedy(prompt_of(200, 10), 3000);
  r.sampling.ignore_eos = true;
  r.n = 3;
  Receiver receiver(3);
  engine->submit(r, [&](const Event& e) {
    receiver.take(e);
    if (e.index != 2 || e.usage.completion_tokens != 5) return;
    engine->cancel(e.id);
    engine->cancel(e.id);
    engine->cancel(e.id + 1000);
  });
  Answer a = receiver.wait();
  for (const auto& p : a.parts) EXPECT_EQ(p.finish, Finish::cancelled);
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(engine->stats().kv_blocks_used, 0);
  EXPECT_EQ(engine->stats().requests_cancelled, 1u);
}

TEST_F(EngineTest, CancelFromAnotherThread) {
  prepare = slow;
  start();
  Request r = greedy(prompt_of(20, 10), 4000);
  r.sampling.ignore_eos = true;
  auto [id, receiver] = submit(r);
  receiver->wait_until([](const Answer& a) { return a.parts[0].tokens.size() > 2; });
  engine->cancel(id);
  EXPECT_EQ(receiver->wait().parts[0].finish, Finish::cancelled);
}

TEST_F(EngineTest, FinishEndsOneSequence) {
  start();
  Request r = greedy(prompt_of(20, 11), 200);
  r.sampling.ignore_eos = true;
  r.n = 2;
  Receiver receiver(2);
  engine->submit(r, [&](const Event& e) {
    receiver.take(e);
    if (e.index != 0 || e.usage.completion_tokens != 3) return;
    engine->finish(e.id, 0);
    engine->finish(e.id, 7);
  });
  Answer a = receiver.wait();
  EXPECT_EQ(a.parts[0].finish, Finish::stop);
  EXPECT_EQ(a.parts[0].tokens.size(), 3u);
  EXPECT_EQ(a.parts[1].finish, Finish::length);
  EXPECT_EQ(a.parts[1].ids(), expected(r));
}

TEST_F(EngineTest, AFailedStepEndsItsRequestsAndTheEngineLives) {
  std::atomic<int> fail_in{-1};
  prepare = [&](FakeExecutor& e) {
    e.before_run = [&](const StepBatch&) {
      if (fail_in >= 0 && fail_in-- == 0) throw std::runtime_error("no such luck");
    };
  };
  start();
  fail_in = 5;
  Request r = greedy(prompt_of(200, 12), 50);
  r.n = 2;
  Answer a = ask(r);
  for (const auto& p : a.parts) {
    EXPECT_EQ(p.finish, Finish::error);
    EXPECT_EQ(p.error, "no such luck");
  }
  EXPECT_EQ(ask(r).parts[0].ids(), expected(r));
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(engine->stats().requests_failed, 1u);
  EXPECT_EQ(engine->stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, LogitsWithoutAFiniteValueEndThatSequenceAlone) {
  prepare = [](FakeExecutor& e) {
    e.after_run = [](const StepBatch& batch, std::vector<float>& logits) {
      int row = 0;
      for (const StepSequence& s : batch.sequences) {
        if (s.n_past == 25 && s.n_logits == 1)
          std::fill_n(logits.begin() + row * 97, 97, std::nanf(""));
        row += s.n_logits;
      }
    };
  };
  start();
  Request bad = greedy(prompt_of(20, 13), 50), good = greedy(prompt_of(30, 14), 50);
  bad.sampling.ignore_eos = true;
  auto a = submit(bad).second, b = submit(good).second;
  EXPECT_EQ(a->wait().parts[0].finish, Finish::error);
  EXPECT_EQ(a->wait().parts[0].error, "the model produced no finite logits");
  EXPECT_EQ(b->wait().parts[0].ids(), expected(good));
}

TEST_F(EngineTest, TheQueueIsBounded) {
  std::mutex gate;
  prepare = [&](FakeExecutor& e) {
    e.before_run = [&](const StepBatch&) { std::lock_guard lock(gate); };
  };
  start({}, {.max_num_seqs = 1, .max_waiting = 3});
  std::vector<std::shared_ptr<Receiver>> receivers;
  {
    std::lock_guard closed(gate);
    auto fill = [&] {
      for (int i = 0; i < 10; ++i) receivers.push_back(submit(greedy({1, 2, 3}, 2)).second);
    };
    try {
      fill();
      ADD_FAILURE() << "ten requests were taken";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::resource_exhausted);
    }
    EXPECT_GE(receivers.size(), 3u);
  }
  for (auto& r : receivers) r->wait();
}

TEST_F(EngineTest, DrainFinishesWhatRunsAndRefusesTheRest) {
  start();
  Request r = greedy(prompt_of(100, 15), 100);
  auto receiver = submit(r).second;
  EXPECT_TRUE(engine->drain(30));
  EXPECT_EQ(receiver->wait().parts[0].ids(), expected(r));
  try {
    submit(r);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unavailable);
  }
}

TEST_F(EngineTest, DestructionCancelsWhatIsLeft) {
  prepare = slow;
  start();
  Request r = greedy(prompt_of(10, 16), 3900);
  r.sampling.ignore_eos = true;
  auto receiver = submit(r).second;
  EXPECT_FALSE(engine->drain(0));
  engine.reset();
  EXPECT_EQ(receiver->wait().parts[0].finish, Finish::cancelled);
}

TEST_F(EngineTest, AReceiverThatThrowsHarmsOnlyItself) {
  start();
  Request r = greedy(prompt_of(10, 17), 500);
  r.sampling.ignore_eos = true;
  engine->submit(r, [](const Event&) { throw std::runtime_error("bad receiver"); });
  Request other = greedy(prompt_of(40, 18), 50);
  EXPECT_EQ(ask(other).parts[0].ids(), expected(other));
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(engine->stats().requests_cancelled, 1u);
}

TEST_F(EngineTest, ThreadsMaySubmitAndCancelAtOnce) {
  start({.n_block = 32}, {.max_num_seqs = 16, .max_waiting = 100000});
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 50; ++i) {
        Request r = greedy(prompt_of(1 + random() % 150, random() % 5), 1 + random() % 40);
        uint64_t id = engine->submit(r, [&](const Event& e) { ended += e.finish != Finish::none; });
        if (random() % 3 == 0) engine->cancel(id);
        if (random() % 5 == 0) engine->finish(id, 0);
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_TRUE(engine->drain(60));
  EXPECT_EQ(ended, 200);
  EngineStats s = engine->stats();
  EXPECT_EQ(s.requests_finished + s.requests_cancelled, 200u);
  EXPECT_EQ(s.kv_blocks_used, 0);
  EXPECT_EQ(s.running + s.waiting, 0);
}

TEST_F(EngineTest, OptionsAreCheckedAndSettled) {
  start({.n_block = 4, .max_tokens = 16, .max_logits = 8}, {});
  EXPECT_EQ(engine->options().max_model_len, 4 * 64);
  EXPECT_EQ(engine->options().max_num_batched_tokens, 16);
  EXPECT_EQ(engine->options().max_num_seqs, 8);
  EXPECT_THROW(start({.n_block = 4}, {.max_model_len = 300}), Error);
  EXPECT_THROW(start({}, {.max_num_seqs = 0}), Error);
}

}  // namespace
}  // namespace strata::engine
