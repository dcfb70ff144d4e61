// Which predictions of a text count, by the protocol of llama.cpp's llama-perplexity: the text is
// cut into windows of `context` tokens (the first replaced by BOS where the model uses one), and
// the second half of each window is scored.
#pragma once
#include <functional>
#include <span>

#include "engine/measure/session.h"

namespace strata::engine {

struct ScoredText {
  std::span<const Token> tokens;
  int context = 512;
  Token bos = -1;         // -1: the model uses none
  int max_windows = 0;    // 0: all
};

/// Runs the text through every session (of models of one vocabulary), in step. `on_row` sees the
/// logits [n_vocab] that each session gives after a scored prefix, and the token that follows;
/// `on_window` the number of windows so far. Returns the number of windows.
/// Errors: invalid_argument when the text is shorter than one window, or the vocabularies differ.
int64_t each_scored_row(
    std::span<Session* const> sessions, const ScoredText& text,
    const std::function<void(std::span<const float* const> logits, Token next)>& on_row,
    const std::function<void(int64_t)>& on_window);

}  // namespace strata::engine
