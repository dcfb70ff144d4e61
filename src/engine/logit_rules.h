// What a request changes in the logits before a token is chosen: bias, bans and penalties.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/sampler_state.h"

namespace strata::engine {

/// Memory that rules use again and again.
struct RuleScratch {
  std::vector<float> kept;          // logits of the allowed tokens
  std::vector<int32_t> z;           // Z-function of the reversed history
  struct Repetition {
    Token next;                     // the token that would lengthen it
    int length;
  };
  std::vector<Repetition> found;
};

/// Does anything change the logits?
bool has_rules(const SamplerState& state, int n_generated);

/// In this order: bias; allowed tokens; stop tokens below min_tokens and bad words; repetition,
/// frequency and presence penalties; DRY. Banned: -infinity.
void apply_rules(const SamplerState& state, int n_generated, float* x, int64_t n_vocab,
                 RuleScratch& scratch);

}  // namespace strata::engine
