#include "engine/sampler_state.h"

#include <algorithm>

namespace strata::engine {

SamplerState::SamplerState(const SamplingParams& params, uint64_t seed, int index,
                           std::span<const Token> stop,
                           std::unique_ptr<Constraint> constraint)
    : params_(&params), seed_(seed), index_(index),
      penalised_(params.repetition_penalty != 1 || params.presence_penalty != 0 ||
                 params.frequency_penalty != 0),
      looks_back_(params.dry_multiplier > 0 || !params.bad_words.empty()),
      mu_(2 * params.mirostat_tau), stop_(stop.begin(), stop.end()),
      constraint_(std::move(constraint)) {}

void SamplerState::begin(std::span<const Token> prompt) {
  if (looks_back_) history_.assign(prompt.begin(), prompt.end());
  n_prompt_ = history_.size();
  if (params_->repetition_penalty == 1) return;
  for (Token token : prompt) counts_.add_prompt(token);
}

void SamplerState::accept(Token token, float surprise) {
  if (penalised_) counts_.add_output(token);
  if (looks_back_) history_.push_back(token);
  if (constraint_) constraint_->accept(token);
  if (params_->mirostat > 0) mu_ -= params_->mirostat_eta * (surprise - params_->mirostat_tau);
}

bool SamplerState::stops(Token token) const {
  return std::find(stop_.begin(), stop_.end(), token) != stop_.end();
}

bool SamplerState::greedy() const {
  return params_->temperature < kTemperatureMin || params_->top_k == 1;
}

}  // namespace strata::engine
