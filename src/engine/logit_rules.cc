#include "engine/logit_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace strata::engine {

namespace {

using Repetition = RuleScratch::Repetition;

constexpr float kBanned = -std::numeric_limits<float>::infinity();

void keep_allowed(const std::vector<Token>& allowed, float* x, int64_t n,
                  std::vector<float>& kept) {
  kept.clear();
  for (Token token : allowed) kept.push_back(x[token]);
  std::fill(x, x + n, kBanned);
  for (size_t i = 0; i < allowed.size(); ++i) x[allowed[i]] = kept[i];
}

/// The last token of a bad word is banned where the output ends with what comes before it.
void ban_words(const SamplerState& state, float* x) {
  std::span<const Token> output = state.history().subspan(state.n_prompt());
  for (const std::vector<Token>& word : state.params().bad_words) {
    std::span<const Token> head(word.data(), word.size() - 1);
    if (head.size() > output.size()) continue;
    if (std::equal(head.begin(), head.end(), output.end() - ptrdiff_t(head.size())))
      x[word.back()] = kBanned;
  }
}

void penalise(const SamplerState& state, float* x) {
  const SamplingParams& p = state.params();
  state.counts().each([&](const TokenCounts::Entry& e) {
    float& v = x[e.token];
    v = v > 0 ? v / p.repetition_penalty : v * p.repetition_penalty;
    if (e.output > 0) v -= p.frequency_penalty * float(e.output) + p.presence_penalty;
  });
}

/// "Don't repeat yourself": a token that would lengthen a repetition of the last tokens, which is
/// already L >= allowed_length long, loses multiplier * base^(L - allowed_length). No repetition
/// reaches over a breaker. Cost: O(window), by the Z-function of the reversed history.
void discourage_repetition(const SamplerState& state, float* x, RuleScratch& scratch) {
  std::vector<int32_t>& z = scratch.z;
  std::vector<Repetition>& found = scratch.found;
  const SamplingParams& p = state.params();
  std::span<const Token> all = state.history();
  if (p.dry_penalty_last_n >= 0 && all.size() > size_t(p.dry_penalty_last_n))
    all = all.last(p.dry_penalty_last_n);
  const auto breaks = [&](Token t) {
    return std::binary_search(p.dry_breakers.begin(), p.dry_breakers.end(), t);
  };
  const int n = static_cast<int>(all.size());
  int most = 0;   // the last tokens that hold no breaker
  while (most < n && !breaks(all[n - 1 - most])) ++most;
  if (most < p.dry_allowed_length) return;
  const auto back = [&](int i) { return all[n - 1 - i]; };   // the i-th token from the end
  z.assign(n, 0);
  for (int i = 1, left = 0, right = 0; i < n; ++i) {
    if (i < right) z[i] = std::min(right - i, z[i - left]);
    while (i + z[i] < n && back(z[i]) == back(i + z[i])) ++z[i];
    if (i + z[i] > right) {
      left = i;
      right = i + z[i];
    }
  }
  found.clear();
  for (int i = 1; i < n; ++i) {
    const int length = std::min(z[i], most);
    if (length >= p.dry_allowed_length) found.push_back({back(i - 1), length});
  }
  // Of a token's repetitions the longest counts.
  std::sort(found.begin(), found.end(), [](const Repetition& a, const Repetition& b) {
    return a.next != b.next ? a.next < b.next : a.length > b.length;
  });
  constexpr float kPenaltyMax = 1e4f;
  Token last = -1;
  for (const Repetition& r : found) {
    if (std::exchange(last, r.next) == r.next) continue;
    const float power = std::pow(p.dry_base, float(r.length - p.dry_allowed_length));
    x[r.next] -= std::min(p.dry_multiplier * power, kPenaltyMax);
  }
}

}  // namespace

bool has_rules(const SamplerState& state, int n_generated) {
  const SamplingParams& p = state.params();
  return state.penalised() || !p.logit_bias.empty() || n_generated < p.min_tokens ||
         !p.allowed_tokens.empty() || !p.bad_words.empty() || p.dry_multiplier > 0;
}

void apply_rules(const SamplerState& state, int n_generated, float* x, int64_t n_vocab,
                 RuleScratch& scratch) {
  const SamplingParams& p = state.params();
  for (auto [token, bias] : p.logit_bias) x[token] += bias;
  if (!p.allowed_tokens.empty()) keep_allowed(p.allowed_tokens, x, n_vocab, scratch.kept);
  if (n_generated < p.min_tokens)
    for (Token token : state.stop()) x[token] = kBanned;
  if (!p.bad_words.empty()) ban_words(state, x);
  if (state.penalised()) penalise(state, x);
  if (p.dry_multiplier > 0) discourage_repetition(state, x, scratch);
}

}  // namespace strata::engine
