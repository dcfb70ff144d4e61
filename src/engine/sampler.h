// From logits to tokens: penalties, truncation, drawing and log-probabilities.
//
// The order is vLLM's: raw log-probabilities are taken first (what logprobs reports is the model's
// own distribution, as the OpenAI API and vLLM do it); then logit bias; then the mask of stop
// tokens below min_tokens; then repetition, frequency and presence penalties; then greedy choice,
// or temperature, min_p, top_k, top_p, typical_p, each over what the one before left,
// renormalised, and a draw.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "engine/request.h"
#include "engine/token_counts.h"

namespace strata::engine {

/// Below it a temperature means greedy.
inline constexpr float kTemperatureMin = 1e-5f;
inline constexpr int kLogprobsMax = 20;
/// What stands for log(0) in results, so that they fit JSON.
inline constexpr float kLogprobMin = -9999;

/// What sampling remembers of one sequence.
class SamplerState {
 public:
  /// `params` outlives it. `stop`: tokens that end the sequence. Sequence `index` of a request has
  /// a random stream of its own.
  SamplerState(const SamplingParams& params, uint64_t seed, int index,
               std::span<const Token> stop);

  void begin(std::span<const Token> prompt);   // once, before the first token is sampled
  void accept(Token token);
  bool stops(Token token) const;
  bool greedy() const;

  const SamplingParams& params() const { return *params_; }
  uint64_t seed() const { return seed_; }
  int index() const { return index_; }
  std::span<const Token> stop() const { return stop_; }
  const TokenCounts& counts() const { return counts_; }
  bool penalised() const { return penalised_; }

 private:
  const SamplingParams* params_;
  uint64_t seed_;
  int index_;
  bool penalised_;
  std::vector<Token> stop_;
  TokenCounts counts_;
};

/// One row of logits and what is wanted from it: the next token of `state`, or, if `state` is null,
/// the log-probability of `out.token`.
struct SampleRow {
  const float* logits = nullptr;         // [n_vocab]
  const SamplerState* state = nullptr;
  int n_generated = 0;                   // before this token
  int logprobs = -1;                     // as in SamplingParams
  Generated out;
  bool finite = true;                    // false: no token could be chosen
};

/// Cost: O(n_vocab) a row, expected; rows in parallel; allocates only for `top`.
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
