#include "engine/truncate.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace strata::engine {

namespace {

/// Order of floats >= 0 as that of integers.
uint32_t ascending(float v) { return std::bit_cast<uint32_t>(v); }
uint32_t descending(float v) { return ~ascending(v); }

}  // namespace

double mass(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.p;
  return sum;
}

Truncation::Truncation(int n_vocab) : sums_(size_t(1) << kDigitBits) { keys_.reserve(n_vocab); }

void Truncation::keep_first(std::vector<Candidate>& c, bool count, double target) {
  const size_t n = c.size();
  uint32_t limit = 0, decided = 0;   // the limit's leading bits, and which those are
  double held = 0;                   // weight of what is below the limit for certain
  for (int top = 32; top > 0;) {
    const int bits = std::min(kDigitBits, top), shift = top - bits;
    const uint32_t digit = (uint32_t(1) << bits) - 1;
    std::fill(sums_.begin(), sums_.end(), 0.0);
    uint32_t last = 0;
    for (size_t i = 0; i < n; ++i) {
      if ((keys_[i] & decided) != limit) continue;
      const uint32_t d = keys_[i] >> shift & digit;
      sums_[d] += count ? 1.0 : double(c[i].p);
      last = std::max(last, d);
    }
    uint32_t d = 0;
    for (; d < last && held + sums_[d] < target; ++d) held += sums_[d];
    limit |= d << shift;
    decided |= digit << shift;
    top = shift;
  }
  size_t kept = 0;
  bool any = false;   // of those at the limit
  for (size_t i = 0; i < n; ++i) {
    if (keys_[i] > limit) continue;
    if (keys_[i] == limit) {
      if (any && held >= target) continue;
      held += count ? 1.0 : double(c[i].p);
      any = true;
    }
    c[kept++] = c[i];
  }
  c.resize(kept);
}

void Truncation::keep_top_k(std::vector<Candidate>& c, size_t k) {
  if (k >= c.size()) return;
  keys_.clear();
  for (const Candidate& i : c) keys_.push_back(descending(i.p));
  keep_first(c, true, double(k));
}

void Truncation::keep_top_p(std::vector<Candidate>& c, double target) {
  keys_.clear();
  for (const Candidate& i : c) keys_.push_back(descending(i.p));
  keep_first(c, false, target);
}

void Truncation::keep_typical(std::vector<Candidate>& c, double typical_p) {
  const double total = mass(c), log_total = std::log(total);
  double entropy = 0;
  keys_.clear();
  for (const Candidate& i : c) {
    const float surprise = static_cast<float>(log_total) - std::log(i.p);
    entropy += i.p / total * surprise;
    keys_.push_back(std::bit_cast<uint32_t>(surprise));
  }
  for (uint32_t& key : keys_)
    key = ascending(std::fabs(std::bit_cast<float>(key) - static_cast<float>(entropy)));
  keep_first(c, false, typical_p * total);
}

void Truncation::exclude_top(std::vector<Candidate>& c, double threshold) {
  const double least = threshold * mass(c);
  const Candidate* stays = nullptr;
  for (const Candidate& i : c)
    if (i.p >= least && (!stays || i.p < stays->p)) stays = &i;
  if (!stays) return;
  const Token token = stays->token;
  std::erase_if(c, [&](const Candidate& i) { return i.p >= least && i.token != token; });
}

void Truncation::keep_surprising(std::vector<Candidate>& c, double bits) {
  const double least = mass(c) * std::exp2(-bits);
  const Candidate best = *std::max_element(
      c.begin(), c.end(), [](const Candidate& a, const Candidate& b) { return a.p < b.p; });
  std::erase_if(c, [&](const Candidate& i) { return i.p < least && i.token != best.token; });
}

void Truncation::keep_zipf(std::vector<Candidate>& c, double bits, int64_t n_vocab) {
  constexpr size_t kObserved = 100;
  const size_t m = std::min(kObserved, c.size());
  if (m < 2) return;
  std::vector<Candidate> best(m);
  std::partial_sort_copy(c.begin(), c.end(), best.begin(), best.end(),
                         [](const Candidate& a, const Candidate& b) { return a.p > b.p; });
  double tb = 0, tt = 0;
  for (size_t i = 0; i + 1 < m; ++i) {
    const double t = std::log(double(i + 2) / double(i + 1));
    const double b = std::log(best[i].p / best[i + 1].p);
    tb += t * b;
    tt += t * t;
  }
  const double s = tb / tt, eps = s - 1;
  double k = 1;
  if (s > 0) {
    // eps / (1 - N^-eps) tends to 1 / ln N.
    const double n = double(n_vocab);
    const double slope = std::fabs(eps) < 1e-6 ? 1 / std::log(n) : eps / (1 - std::pow(n, -eps));
    k = std::pow(slope * std::exp2(bits), 1 / s);
  } else {
    k = double(c.size());
  }
  keep_top_k(c, static_cast<size_t>(std::clamp(std::round(k), 1.0, double(c.size()))));
}

}  // namespace strata::engine
