#include "kernel/router.h"

#include <algorithm>
#include <cmath>

#include "kernel/ops.h"

namespace strata::kernel {
namespace {

constexpr float kNever = -INFINITY, kTaken = NAN;

// The largest of those not taken; the first of equals.
int best(const float* x, int n) {
  int at = 0;
  for (int i = 1; i < n; ++i)
    if (x[i] > x[at] || std::isnan(x[at])) at = i;
  return at;
}

int take_best(float* x, int n) {
  const int at = best(x, n);
  x[at] = kTaken;
  return at;
}

void never_choose_nan(float* x, int n) {
  for (int i = 0; i < n; ++i)
    if (std::isnan(x[i])) x[i] = kNever;
}

float group_score(const Router& r, const float* score, int size) {
  const int first = best(score, size);
  if (!r.group_by_two || size < 2) return score[first];
  float second = kNever;
  for (int i = 0; i < size; ++i)
    if (i != first) second = std::max(second, score[i]);
  return score[first] + second;
}

// Leaves the scores of the best groups; `room` takes one score a group.
void keep_groups(const Router& r, float* score, float* room) {
  const int size = r.n_expert / r.n_group;
  for (int g = 0; g < r.n_group; ++g) room[g] = group_score(r, score + g * size, size);
  for (int kept = 0; kept < r.n_group_used; ++kept) take_best(room, r.n_group);
  for (int g = 0; g < r.n_group; ++g)
    if (!std::isnan(room[g])) std::fill_n(score + g * size, size, kNever);
}

// A choice is the best logit; its weight is its softmax among the rivals whose logits are close.
void mix_sparsely(const Router& r, const float* logits, float* left, int32_t* expert,
                  float* weight) {
  std::copy_n(logits, r.n_expert, left);
  never_choose_nan(left, r.n_expert);
  for (int n = 0; n < r.n_used; ++n) {
    const int chosen = best(left, r.n_expert);
    const float top = left[chosen];
    float sum = 0;
    for (int i = 0; i < r.n_expert; ++i) {
      const float distance = (top - logits[i]) / std::max(std::abs(logits[i]), top);
      if (!std::isnan(left[i]) && !(distance > 2 * r.jitter)) sum += std::exp(left[i] - top);
    }
    expert[n] = chosen;
    weight[n] = 1 / sum;
    left[chosen] = kTaken;
  }
}

}  // namespace

void route(const Router& r, const float* logits, const float* bias, float* room, int32_t* expert,
           float* weight) {
  if (r.scoring == Scoring::sparsemixer) return mix_sparsely(r, logits, room, expert, weight);
  float *score = room, *choice = room + r.n_expert, *group = choice + r.n_expert;
  std::copy_n(logits, r.n_expert, score);
  if (r.scoring == Scoring::softmax) softmax(score, r.n_expert);
  if (r.scoring == Scoring::sigmoid)
    for (int i = 0; i < r.n_expert; ++i) score[i] = 1 / (1 + std::exp(-score[i]));
  for (int i = 0; i < r.n_expert; ++i) choice[i] = score[i] + (bias ? bias[i] : 0);
  never_choose_nan(choice, r.n_expert);
  if (r.n_group_used < r.n_group) keep_groups(r, choice, group);
  for (int i = 0; i < r.n_used; ++i) expert[i] = take_best(choice, r.n_expert);
  for (int i = 0; i < r.n_used; ++i) weight[i] = score[expert[i]];
  if (r.scoring == Scoring::softmax_of_chosen) softmax(weight, r.n_used);
  if (r.normalise) {
    float sum = 0;
    for (int i = 0; i < r.n_used; ++i) sum += weight[i];
    for (int i = 0; i < r.n_used; ++i) weight[i] /= std::max(sum, r.sum_min);
  }
  for (int i = 0; i < r.n_used; ++i) weight[i] *= r.scale;
}

}  // namespace strata::kernel
