#include "engine/sampler.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "engine/logit_rules.h"
#include "engine/random.h"
#include "engine/truncate.h"
#include "kernel/ops.h"

namespace strata::engine {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Candidates below this share of the best one are looked at only if the others do not suffice.
const float kLikelyShare = std::exp(-8.0f);

bool has_nan(const float* x, int64_t n) {
  int found = 0;
  for (int64_t i = 0; i < n; ++i) found |= x[i] != x[i];
  return found;
}

/// Sixteen running sums: the compiler may not reorder a single one.
float block_sum(const float* x, int64_t n) {
  float lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; ++j) lanes[j] += x[i + j];
  for (; i < n; ++i) lanes[0] += x[i];
  float sum = 0;
  for (float lane : lanes) sum += lane;
  return sum;
}

/// Inverse of the cumulative distribution at u in [0, 1).
Token draw(const float* p, int64_t n, double u) {
  constexpr int64_t kRun = 512;
  double total = 0;
  for (int64_t i = 0; i < n; i += kRun) total += block_sum(p + i, std::min(kRun, n - i));
  double target = u * total, held = 0, before = 0;
  int64_t run = 0;   // the one in which the target falls
  for (int64_t i = 0; i < n && held <= target; i += kRun) {
    float sum = block_sum(p + i, std::min(kRun, n - i));
    if (sum <= 0) continue;
    run = i;
    before = held;
    held += sum;
  }
  held = before;
  Token chosen = -1;
  for (int64_t i = run; i < std::min(run + kRun, n) && held <= target; ++i) {
    if (p[i] <= 0) continue;
    held += p[i];
    chosen = static_cast<Token>(i);   // rounding may leave the target beyond the last one
  }
  return chosen;
}

Token draw(const std::vector<Candidate>& candidates, double u) {
  double target = u * mass(candidates), held = 0;
  for (const Candidate& c : candidates) {
    held += c.p;
    if (held > target) return c.token;
  }
  return candidates.back().token;
}

void gather(const float* p, int64_t n, float floor, std::vector<Candidate>& out) {
  out.clear();
  for (int64_t i = 0; i < n; ++i)
    if (p[i] >= floor) out.push_back({p[i], static_cast<Token>(i)});
}

/// The best `n` log-probabilities, best first; ties go to the lower token.
void best_logprobs(const float* logits, int64_t n_vocab, float log_sum, int n,
                   std::vector<TokenLogprob>& out) {
  TokenLogprob best[kLogprobsMax + 1];
  int held = 0;
  float bound = -kInfinity;
  for (int64_t i = 0; i < n_vocab; ++i) {
    if (!(logits[i] > bound)) continue;
    int at = held < n ? held++ : n - 1;
    for (; at > 0 && best[at - 1].logprob < logits[i]; --at) best[at] = best[at - 1];
    best[at] = {static_cast<Token>(i), logits[i]};
    if (held == n) bound = best[n - 1].logprob;
  }
  out.clear();
  for (int i = 0; i < held; ++i)
    out.push_back({best[i].token, std::max(best[i].logprob - log_sum, kLogprobMin)});
}

/// Logits further below the best one than `n` standard deviations go. Source: arXiv:2411.07641.
void keep_n_sigma(float* x, int64_t n, float best, double sigmas) {
  double sum = 0, squares = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) continue;
    sum += x[i];
    squares += double(x[i]) * x[i];
    ++finite;
  }
  const double mean = sum / double(finite);
  const double sigma = std::sqrt(std::max(0.0, squares / double(finite) - mean * mean));
  const float least = best - static_cast<float>(sigmas * sigma);
  for (int64_t i = 0; i < n; ++i)
    if (x[i] < least) x[i] = -kInfinity;
}

/// Tokens without a bit in `mask` go.
void keep_masked(std::span<const uint32_t> mask, float* x, int64_t n) {
  for (int64_t first = 0; first < n; first += 32) {
    const uint32_t bits = mask[size_t(first / 32)];
    if (bits == ~uint32_t(0)) continue;
    const int64_t count = std::min<int64_t>(32, n - first);
    for (int64_t i = 0; i < count; ++i)
      if (!(bits >> i & 1)) x[first + i] = -kInfinity;
  }
}

bool truncates(const SamplingParams& p) {
  return p.top_k > 0 || p.top_p < 1 || p.min_p > 0 || p.typical_p < 1 || p.xtc_probability > 0 ||
         p.mirostat > 0;
}

/// A random number of the same position, apart from the one that draws the token.
double second_uniform(const SamplerState& state, int position) {
  return uniform(state.seed(), uint64_t(state.index()) | uint64_t(1) << 32, position);
}

}  // namespace

struct Sampler::Scratch {
  std::vector<float> clean, work;        // [n_vocab]
  std::vector<Candidate> candidates;
  Truncation truncation;
  RuleScratch rules;
  std::vector<uint32_t> mask;            // [n_vocab / 32]

  explicit Scratch(int n_vocab)
      : clean(n_vocab), work(n_vocab), truncation(n_vocab), mask((size_t(n_vocab) + 31) / 32) {
    candidates.reserve(n_vocab);
  }
  void sample(SampleRow& row, int64_t n);
  void score(SampleRow& row, const float* x, int64_t n);
  const float* restrict_logits(const SamplerState& state, int n_generated, const float* logits,
                               int64_t n);
  Token choose(const SamplerState& state, int n_generated, const float* logits, int64_t n,
               float& surprise);
  void truncate(const SamplerState& state, int n_generated, int64_t n, float p_max);
};

/// What the filters leave of the probabilities in `work`, as candidates.
void Sampler::Scratch::truncate(const SamplerState& state, int n_generated, int64_t n,
                                float p_max) {
  constexpr float kPositive = std::numeric_limits<float>::min();
  const SamplingParams& params = state.params();
  const float* p = work.data();
  if (params.mirostat > 0) {
    gather(p, n, kPositive, candidates);
    if (params.mirostat == 1)
      truncation.keep_zipf(candidates, state.mu(), n);
    else
      truncation.keep_surprising(candidates, state.mu());
    return;
  }
  const bool top_k = params.top_k > 0, top_p = params.top_p < 1;
  const float floor = std::max(params.min_p * p_max, kPositive);
  const float likely = p_max * kLikelyShare;
  bool enough = false;
  if ((top_k || top_p) && floor < likely && params.min_p == 0) {
    gather(p, n, likely, candidates);
    enough = top_k ? candidates.size() >= size_t(params.top_k) : mass(candidates) >= params.top_p;
  }
  if (!enough) gather(p, n, floor, candidates);
  double total = enough ? 1 : mass(candidates);
  if (top_k) {
    truncation.keep_top_k(candidates, params.top_k);
    total = mass(candidates);
  }
  if (top_p) truncation.keep_top_p(candidates, params.top_p * total);
  if (params.typical_p < 1) truncation.keep_typical(candidates, params.typical_p);
  if (params.xtc_probability > 0 && second_uniform(state, n_generated) < params.xtc_probability)
    truncation.exclude_top(candidates, params.xtc_threshold);
}

/// The logits after rules and constraint: the given ones or `work`.
const float* Sampler::Scratch::restrict_logits(const SamplerState& state, int n_generated,
                                               const float* logits, int64_t n) {
  const bool masked = state.constraint() && state.constraint()->mask(mask);
  const bool ruled = has_rules(state, n_generated);
  if (!masked && !ruled) return logits;
  std::copy(logits, logits + n, work.begin());
  if (ruled) apply_rules(state, n_generated, work.data(), n, rules);
  if (!masked) return work.data();
  keep_masked(mask, work.data(), n);
  const int64_t best = ruled ? kernel::argmax(work.data(), n) : 0;
  if (ruled && (best < 0 || !std::isfinite(work[best]))) {
    std::copy(logits, logits + n, work.begin());
    keep_masked(mask, work.data(), n);
  }
  return work.data();
}

/// -1: no logit is finite.
Token Sampler::Scratch::choose(const SamplerState& state, int n_generated, const float* logits,
                               int64_t n, float& surprise) {
  const float* x = restrict_logits(state, n_generated, logits, n);
  int64_t best = kernel::argmax(x, n);
  if (best < 0 || best >= n || !std::isfinite(x[best])) return -1;
  if (state.greedy()) return static_cast<Token>(best);

  const SamplingParams& params = state.params();
  float maximum = x[best], inverse = 1 / params.temperature;
  for (int64_t i = 0; i < n; ++i) work[i] = (x[i] - maximum) * inverse;
  if (params.top_n_sigma > 0) keep_n_sigma(work.data(), n, 0, params.top_n_sigma);
  kernel::softmax(work.data(), n);
  double u = uniform(state.seed(), state.index(), n_generated);
  if (!truncates(params)) return draw(work.data(), n, u);
  truncate(state, n_generated, n, work[best]);
  const Token drawn = draw(candidates, u);
  surprise = -std::log2(work[drawn]);
  return drawn;
}

void Sampler::Scratch::score(SampleRow& row, const float* x, int64_t n) {
  row.out.top.clear();
  if (!row.finite || row.logprobs < 0) return;
  const float own = x[row.out.token];
  float log_sum = kernel::log_sum_exp(x, 1, n);
  row.out.logprob = std::max(own - log_sum, kLogprobMin);
  if (row.logprobs > 0) best_logprobs(x, n, log_sum, row.logprobs, row.out.top);
  if (row.state) return;
  row.out.rank = 1;
  for (int64_t i = 0; i < n; ++i) row.out.rank += x[i] > own;
}

void Sampler::Scratch::sample(SampleRow& row, int64_t n) {
  const float* x = row.logits;
  bool plain = row.state && row.state->greedy() && row.logprobs < 0;
  if (!plain && has_nan(x, n)) {
    for (int64_t i = 0; i < n; ++i) clean[i] = x[i] == x[i] ? x[i] : -kInfinity;
    x = clean.data();
  }
  float surprise = 0;
  if (row.state) {
    row.out.token = choose(*row.state, row.n_generated, x, n, surprise);
    row.finite = row.out.token >= 0;
  } else {
    int64_t best = kernel::argmax(x, n);
    row.finite = best >= 0 && best < n && std::isfinite(x[best]);
  }
  score(row, x, n);
  if (row.state && row.finite) row.state->accept(row.out.token, surprise);
}

Sampler::Sampler(int n_vocab, ThreadPool& pool) : n_vocab_(n_vocab), pool_(&pool) {
  for (int i = 0; i < pool.size(); ++i) scratch_.emplace_back(n_vocab);
}

Sampler::~Sampler() = default;

void Sampler::run(std::span<SampleRow> rows) {
  // Threads of the pool must not throw: room for the results is made here.
  for (SampleRow& row : rows) {
    STRATA_CHECK(row.logprobs <= kLogprobsMax);
    if (row.logprobs > 0) row.out.top.reserve(row.logprobs);
  }
  // A run of drafted rows is one piece of work: each depends on what the one before drew.
  const auto follows = [&](size_t i) { return i > 0 && rows[i - 1].draft >= 0; };
  const auto sample_run = [&](size_t i, Scratch& scratch) {
    for (bool reached = true;; ++i) {
      SampleRow& row = rows[i];
      row.reached = reached;
      if (reached) {
        scratch.sample(row, n_vocab_);
        row.complete = row.state && row.state->complete();
        const bool ends =
            !row.finite || row.complete || (row.state && row.state->stops(row.out.token));
        reached = !ends && row.out.token == row.draft;
      }
      if (row.draft < 0) return;
    }
  };
  if (rows.size() == 1) return sample_run(0, scratch_[0]);
  std::atomic<size_t> next{0};
  pool_->run_some([&](int thread) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < rows.size();)
      if (!follows(i)) sample_run(i, scratch_[thread]);
  });
}

}  // namespace strata::engine
