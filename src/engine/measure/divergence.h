// How far the predictions of a model lie from those of a reference: what a coding of weights, of
// the cache or of activations costs, with far less noise than two perplexities have.
#pragma once
#include "engine/measure/perplexity.h"

namespace strata::engine {

struct DivergenceReport {
  PerplexityReport reference, tested;
  /// KL(reference || tested) of each scored prediction, nats: sum p (log p - log q).
  double mean = 0, stderr_mean = 0, median = 0, p99 = 0, most = 0;
  double same_top = 0;   // share of predictions whose likeliest token is the same
};

/// KL(p || q) of the distributions softmax(p) and softmax(q), nats, from logits [n]. NaN if a logit
/// is one. Source: Kullback and Leibler, On Information and Sufficiency, 1951.
double kl_divergence(const float* p, const float* q, int64_t n);

/// Errors: those of each_scored_row().
DivergenceReport divergence(Session& reference, Session& tested, const ScoredText& text,
                            const std::function<void(int64_t, double)>& progress = {});

}  // namespace strata::engine
