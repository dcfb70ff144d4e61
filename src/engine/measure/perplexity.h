// Perplexity of a text, by the same protocol as llama.cpp's llama-perplexity: the text is cut into
// windows of `context` tokens (the first replaced by BOS where the model uses one), and the second
// half of each window is scored.
#pragma once
#include <functional>
#include <span>

#include "engine/measure/session.h"

namespace strata::engine {

struct PerplexityReport {
  double perplexity = 0, nll = 0, stderr_nll = 0;   // mean negative log-likelihood, nats
  int64_t tokens_scored = 0, windows = 0;
};

/// `progress` is called after each window with the running perplexity.
/// Errors: invalid_argument when the text is shorter than one window.
PerplexityReport perplexity(Session& session, std::span<const Token> text, int context, Token bos,
                            int max_windows, const std::function<void(int, double)>& progress);

}  // namespace strata::engine
