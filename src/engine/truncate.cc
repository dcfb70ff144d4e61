#include "engine/truncate.h"

#include <algorithm>
#include <cmath>

namespace strata::engine {

namespace {

bool by_key(const Candidate& a, const Candidate& b) {
  return a.key != b.key ? a.key < b.key : a.token < b.token;
}

/// Fewest candidates, smallest key first, with at least `target` of mass; at least one. Quickselect
/// on the mass: a full sort of the vocabulary would cost more than the rest of sampling.
void keep_mass(std::vector<Candidate>& c, double target) {
  constexpr ptrdiff_t kSortBelow = 64;
  auto low = c.begin(), high = c.end();
  double held = 0;   // mass of [begin, low), which is kept for certain
  while (high - low > kSortBelow) {
    auto middle = low + (high - low) / 2;
    std::nth_element(low, middle, high, by_key);
    double sum = 0;
    for (auto i = low; i != middle; ++i) sum += i->p;
    if (held + sum >= target) {
      high = middle;
    } else {
      held += sum;
      low = middle;
    }
  }
  std::sort(low, high, by_key);
  while (low != high && (low == c.begin() || held < target)) held += (low++)->p;
  c.erase(low, c.end());
}

}  // namespace

double mass(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.p;
  return sum;
}

void keep_top_k(std::vector<Candidate>& candidates, size_t k) {
  if (k >= candidates.size()) return;
  for (Candidate& c : candidates) c.key = -c.p;
  std::nth_element(candidates.begin(), candidates.begin() + k, candidates.end(), by_key);
  candidates.erase(candidates.begin() + k, candidates.end());
}

void keep_top_p(std::vector<Candidate>& candidates, double target) {
  for (Candidate& c : candidates) c.key = -c.p;
  keep_mass(candidates, target);
}

void keep_typical(std::vector<Candidate>& candidates, double typical_p) {
  double total = mass(candidates), entropy = 0;
  for (const Candidate& c : candidates) entropy -= c.p / total * std::log(c.p / total);
  for (Candidate& c : candidates)
    c.key = static_cast<float>(std::fabs(-std::log(c.p / total) - entropy));
  keep_mass(candidates, typical_p * total);
}

}  // namespace strata::engine
