#include "engine/sampler.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/check.h"
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
    if (p[i] >= floor) out.push_back({p[i], 0, static_cast<Token>(i)});
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

/// Does anything change the logits before the choice?
bool modifies(const SamplerState& state, int n_generated) {
  return state.penalised() || !state.params().logit_bias.empty() ||
         n_generated < state.params().min_tokens;
}

void modify(const SamplerState& state, int n_generated, float* x) {
  const SamplingParams& p = state.params();
  for (auto [token, bias] : p.logit_bias) x[token] += bias;
  if (n_generated < p.min_tokens)
    for (Token token : state.stop()) x[token] = -kInfinity;
  if (!state.penalised()) return;
  state.counts().each([&](const TokenCounts::Entry& e) {
    float& v = x[e.token];
    v = v > 0 ? v / p.repetition_penalty : v * p.repetition_penalty;
    if (e.output > 0) v -= p.frequency_penalty * float(e.output) + p.presence_penalty;
  });
}

/// What the filters leave of the probabilities p.
void truncate(const SamplingParams& params, const float* p, int64_t n, float p_max,
              std::vector<Candidate>& out) {
  constexpr float kPositive = std::numeric_limits<float>::min();
  bool top_k = params.top_k > 0, top_p = params.top_p < 1;
  float floor = std::max(params.min_p * p_max, kPositive);
  float likely = p_max * kLikelyShare;
  bool enough = false;
  if ((top_k || top_p) && floor < likely && params.min_p == 0) {
    gather(p, n, likely, out);
    enough = top_k ? out.size() >= size_t(params.top_k) : mass(out) >= params.top_p;
  }
  if (!enough) gather(p, n, floor, out);
  double total = enough ? 1 : mass(out);
  if (top_k) {
    keep_top_k(out, params.top_k);
    total = mass(out);
  }
  if (top_p) keep_top_p(out, params.top_p * total);
  if (params.typical_p < 1) keep_typical(out, params.typical_p);
}

}  // namespace

SamplerState::SamplerState(const SamplingParams& params, uint64_t seed, int index,
                           std::span<const Token> stop)
    : params_(&params), seed_(seed), index_(index),
      penalised_(params.repetition_penalty != 1 || params.presence_penalty != 0 ||
                 params.frequency_penalty != 0),
      stop_(stop.begin(), stop.end()) {}

void SamplerState::begin(std::span<const Token> prompt) {
  if (params_->repetition_penalty == 1) return;
  for (Token token : prompt) counts_.add_prompt(token);
}

void SamplerState::accept(Token token) {
  if (penalised_) counts_.add_output(token);
}

bool SamplerState::stops(Token token) const {
  return std::find(stop_.begin(), stop_.end(), token) != stop_.end();
}

bool SamplerState::greedy() const {
  return params_->temperature < kTemperatureMin || params_->top_k == 1;
}

struct Sampler::Scratch {
  std::vector<float> clean, work;        // [n_vocab]
  std::vector<Candidate> candidates;

  explicit Scratch(int n_vocab) : clean(n_vocab), work(n_vocab) { candidates.reserve(n_vocab); }
  void sample(SampleRow& row, int64_t n);
  Token choose(const SamplerState& state, int n_generated, const float* logits, int64_t n);
};

/// -1: no logit is finite.
Token Sampler::Scratch::choose(const SamplerState& state, int n_generated, const float* logits,
                               int64_t n) {
  const float* x = logits;
  if (modifies(state, n_generated)) {
    std::copy(x, x + n, work.begin());
    modify(state, n_generated, work.data());
    x = work.data();
  }
  int64_t best = kernel::argmax(x, n);
  if (best < 0 || best >= n || !std::isfinite(x[best])) return -1;
  if (state.greedy()) return static_cast<Token>(best);

  const SamplingParams& params = state.params();
  float maximum = x[best], inverse = 1 / params.temperature;
  for (int64_t i = 0; i < n; ++i) work[i] = (x[i] - maximum) * inverse;
  kernel::softmax(work.data(), n);
  double u = uniform(state.seed(), state.index(), n_generated);
  bool truncates = params.top_k > 0 || params.top_p < 1 || params.min_p > 0 || params.typical_p < 1;
  if (!truncates) return draw(work.data(), n, u);
  truncate(params, work.data(), n, work[best], candidates);
  return draw(candidates, u);
}

void Sampler::Scratch::sample(SampleRow& row, int64_t n) {
  const float* x = row.logits;
  bool plain = row.state && row.state->greedy() && row.logprobs < 0;
  if (!plain && has_nan(x, n)) {
    for (int64_t i = 0; i < n; ++i) clean[i] = x[i] == x[i] ? x[i] : -kInfinity;
    x = clean.data();
  }
  if (row.state) {
    row.out.token = choose(*row.state, row.n_generated, x, n);
    row.finite = row.out.token >= 0;
  } else {
    int64_t best = kernel::argmax(x, n);
    row.finite = best >= 0 && best < n && std::isfinite(x[best]);
  }
  row.out.top.clear();
  if (!row.finite || row.logprobs < 0) return;
  float log_sum = kernel::log_sum_exp(x, 1, n);
  row.out.logprob = std::max(x[row.out.token] - log_sum, kLogprobMin);
  if (row.logprobs > 0) best_logprobs(x, n, log_sum, row.logprobs, row.out.top);
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
  if (rows.size() == 1) return scratch_[0].sample(rows[0], n_vocab_);
  std::atomic<size_t> next{0};
  pool_->run([&](int thread) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < rows.size();)
      scratch_[thread].sample(rows[i], n_vocab_);
  });
}

}  // namespace strata::engine
