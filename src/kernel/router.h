// Which experts a token goes to, and with which weights.
#pragma once
#include <cstdint>

namespace strata::kernel {

enum class Scoring : uint8_t {
  softmax,             // over all experts
  sigmoid,             // each expert by itself
  softmax_of_chosen,   // the largest logits, then softmax over those alone
  sparsemixer,         // one choice after the other, each weighed against its near rivals
};

/// How router logits become a choice. Experts come in `n_group` consecutive groups of equal size.
struct Router {
  Scoring scoring = Scoring::softmax;
  int n_expert = 0, n_used = 0;
  int n_group = 1, n_group_used = 1;   // only experts of the best groups are chosen
  bool group_by_two = false;           // a group is as good as its two best together, else its best
  bool normalise = false;              // weights are divided by their sum
  float sum_min = 1e-20f;              // or by this, if the sum is smaller
  float scale = 1;                     // then multiplied
  float jitter = 0.01f;                // sparsemixer: rivals are within 2 jitter of the best
};

/// Shapes: logits [n_expert]; room [3 n_expert]; expert, weight [n_used], best first. `bias` (null:
/// none) [n_expert] is added to the scores for choosing, not for weighing. Of equal scores the
/// lower expert wins; NaN is never better than a number, and experts are always distinct.
/// Source: arXiv:2101.03961 section 2.1; groups and bias arXiv:2412.19437 section 2.1.2;
/// sparsemixer arXiv:2409.12136 section 2.
void route(const Router& router, const float* logits, const float* bias, float* room,
           int32_t* expert, float* weight);

}  // namespace strata::kernel
