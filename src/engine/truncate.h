// Truncations of a distribution: each keeps a part of the candidates, in their order.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/request.h"

namespace strata::engine {

struct Candidate {
  float p;        // probability, not necessarily normalised
  Token token;
};

double mass(const std::vector<Candidate>& candidates);

/// Cost of every truncation: O(candidates), whatever the distribution: the limit is found by radix
/// selection over the bits of what they are ordered by, without sorting.
class Truncation {
 public:
  explicit Truncation(int n_vocab);

  /// The k most probable; ties go to the lower token.
  void keep_top_k(std::vector<Candidate>& candidates, size_t k);
  /// The fewest most probable that together reach `target` (a share of mass(), times it).
  void keep_top_p(std::vector<Candidate>& candidates, double target);
  /// The fewest whose surprise is nearest to the entropy and that hold the share `typical_p`.
  /// Source: arXiv:2202.00666 section 4.
  void keep_typical(std::vector<Candidate>& candidates, double typical_p);
  /// Of those with at least the share `threshold`, the least probable alone stays.
  void exclude_top(std::vector<Candidate>& candidates, double threshold);
  /// Those whose surprise, -log2 of their share, is at most `bits`; at least the most probable.
  void keep_surprising(std::vector<Candidate>& candidates, double bits);
  /// The k that a Zipf tail with the observed exponent gives for a surprise of `bits`.
  /// Source: arXiv:2007.14966, algorithm 1.
  void keep_zipf(std::vector<Candidate>& candidates, double bits, int64_t n_vocab);

 private:
  /// The fewest, by ascending keys_ and then as they come, whose weight reaches `target`; at least
  /// one. Weight: 1 each if `count`, else p.
  void keep_first(std::vector<Candidate>& candidates, bool count, double target);

  static constexpr int kDigitBits = 11;
  std::vector<uint32_t> keys_;      // by candidate
  std::vector<double> sums_;        // weight by digit
};

}  // namespace strata::engine
