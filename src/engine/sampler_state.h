// What sampling remembers of one sequence.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "engine/constraint.h"
#include "engine/request.h"
#include "engine/token_counts.h"

namespace strata::engine {

/// Below it a temperature means greedy.
inline constexpr float kTemperatureMin = 1e-5f;

class SamplerState {
 public:
  /// `params` outlives it. `stop`: tokens that end the sequence. Sequence `index` of a request has
  /// a random stream of its own. `constraint`: what it may say; null: anything.
  SamplerState(const SamplingParams& params, uint64_t seed, int index, std::span<const Token> stop,
               std::unique_ptr<Constraint> constraint = nullptr);

  void begin(std::span<const Token> prompt);   // once, before the first token is sampled
  /// The token that was drawn; `surprise`: -log2 of its probability before truncation (mirostat).
  void accept(Token token, float surprise = 0);
  bool stops(Token token) const;
  /// Does the constraint let nothing follow?
  bool complete() const { return constraint_ && constraint_->finished(); }
  bool greedy() const;

  const SamplingParams& params() const { return *params_; }
  uint64_t seed() const { return seed_; }
  int index() const { return index_; }
  std::span<const Token> stop() const { return stop_; }
  const TokenCounts& counts() const { return counts_; }
  Constraint* constraint() const { return constraint_.get(); }
  bool penalised() const { return penalised_; }
  /// Prompt and output; empty unless something looks back (DRY, bad words).
  std::span<const Token> history() const { return history_; }
  size_t n_prompt() const { return n_prompt_; }   // of the history
  float mu() const { return mu_; }                // mirostat: the surprise allowed next

 private:
  const SamplingParams* params_;
  uint64_t seed_;
  int index_;
  bool penalised_, looks_back_;
  float mu_;
  std::vector<Token> stop_, history_;
  size_t n_prompt_ = 0;
  TokenCounts counts_;
  std::unique_ptr<Constraint> constraint_;
};

}  // namespace strata::engine
