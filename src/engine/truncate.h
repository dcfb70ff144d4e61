// Truncations of a distribution: each keeps a part of the candidates.
#pragma once
#include <vector>

#include "engine/request.h"

namespace strata::engine {

struct Candidate {
  float p;        // probability, not necessarily normalised
  float key;      // smaller is kept first
  Token token;
};

double mass(const std::vector<Candidate>& candidates);

/// The k most probable; ties go to the lower token.
void keep_top_k(std::vector<Candidate>& candidates, size_t k);
/// The fewest most probable that together reach `target` (a share of mass(), times it).
void keep_top_p(std::vector<Candidate>& candidates, double target);
/// The fewest whose surprise is nearest to the entropy and that hold the share `typical_p`.
/// Source: arXiv:2202.00666 section 4.
void keep_typical(std::vector<Candidate>& candidates, double typical_p);

}  // namespace strata::engine
