// From logits to tokens: rules, truncation, drawing and log-probabilities.
//
// Raw log-probabilities are taken first (what logprobs reports is the model's own distribution, as
// the OpenAI API and vLLM do it); then the rules of logit_rules.h; then greedy choice, or
// temperature, top_n_sigma, min_p, top_k, top_p, typical_p, XTC, each over what the one before
// left, renormalised, and a draw. Mirostat takes the place of the truncations. A constraint's mask
// comes after the rules; where they ban all that it allows, it alone counts.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "engine/sampler_state.h"

namespace strata::engine {

inline constexpr int kLogprobsMax = 20;
/// What stands for log(0) in results, so that they fit JSON.
inline constexpr float kLogprobMin = -9999;

/// One row of logits and what is wanted from it: the next token of `state`, or, if `state` is null,
/// the log-probability of `out.token`.
///
/// Drafted tokens make runs of rows of one sequence: a row with a draft is followed by the row that
/// was computed as if the draft had been drawn. It is drawn from only if it was, so that the tokens
/// are those that the sequence would draw without drafts, whatever its parameters.
/// Source: arXiv:2211.17192 section 2.3, with drafts that are certain.
struct SampleRow {
  const float* logits = nullptr;         // [n_vocab]
  SamplerState* state = nullptr;         // accepts what is drawn
  int n_generated = 0;                   // before this token
  int logprobs = -1;                     // as in SamplingParams
  Token draft = -1;                      // of the next row, if that belongs to the run
  Generated out;
  bool reached = true;                   // false: a draft before it was wrong
  bool finite = true;                    // false: no token could be chosen
  bool complete = false;                 // the constraint lets nothing follow
};

/// Cost: O(n_vocab) a row; sequences in parallel; allocates only for `top`.
class Sampler {
 public:
  Sampler(int n_vocab, ThreadPool& pool);
  ~Sampler();
  void run(std::span<SampleRow> rows);

 private:
  struct Scratch;
  int n_vocab_;
  ThreadPool* pool_;
  std::vector<Scratch> scratch_;         // one a thread
};

}  // namespace strata::engine
