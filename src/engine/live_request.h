// A request on its way through the engine.
#pragma once
#include <deque>
#include <memory>

#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/speculation/drafter.h"

namespace strata::engine {

/// One of a request's n sequences.
struct LiveSequence {
  Sequence sequence;
  SamplerState sampler;
  DraftState draft = {};
  bool ended = false;                      // its last event is out
};

struct LiveRequest {
  uint64_t id = 0;
  Request request;                         // but for the prompt, which the first sequence has
  OnEvent on_event;
  std::deque<LiveSequence> sequences;      // [n]; the others start when the first has the prompt
  std::vector<Generated> prompt_scores;    // [prompt], when asked for
  int n_prompt = 0, n_output_max = 0;
  int n_live = 0;                          // sequences that have not ended
  bool admitted = false;                   // was part of a step
  bool prompt_done = false;

  LiveSequence& leader() { return sequences.front(); }
};

/// A validated request made ready to run. `stop`: the model's stop tokens.
std::unique_ptr<LiveRequest> make_live(uint64_t id, Request request, OnEvent on_event,
                                       std::span<const Token> stop, int max_model_len);

}  // namespace strata::engine
