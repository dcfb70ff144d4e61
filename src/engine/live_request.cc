#include "engine/live_request.h"

#include <algorithm>
#include <random>

#include "engine/kv/block_key.h"

namespace strata::engine {

namespace {

/// Tokens of output that are given room beforehand; longer ones grow by doubling.
constexpr int kOutputReserve = 1024;

uint64_t fresh_seed() {
  std::random_device device;
  return (uint64_t(device()) << 32) | device();
}

std::unique_ptr<Constraint> own_constraint(const Request& r) {
  return r.constraint ? r.constraint->clone() : nullptr;
}

}  // namespace

std::unique_ptr<LiveRequest> make_live(uint64_t id, Request request, OnEvent on_event,
                                       std::span<const Token> stop, int max_model_len) {
  auto live = std::make_unique<LiveRequest>();
  live->id = id;
  live->request = std::move(request);
  live->on_event = std::move(on_event);
  Request& r = live->request;
  SamplingParams& sampling = r.sampling;

  std::vector<Token> stops = sampling.stop_tokens;
  if (!sampling.ignore_eos) stops.insert(stops.end(), stop.begin(), stop.end());
  live->n_prompt = static_cast<int>(r.prompt.size());
  live->n_output_max = max_model_len - live->n_prompt;
  if (sampling.max_tokens >= 0)
    live->n_output_max = std::min(live->n_output_max, sampling.max_tokens);
  live->n_live = r.n;
  if (r.prompt_logprobs >= 0) {
    live->prompt_scores.resize(r.prompt.size());
    live->prompt_scores[0].token = r.prompt[0];
  }

  const uint64_t salt = salt_of(r.cache_salt);
  uint64_t seed = sampling.seed ? *sampling.seed : fresh_seed();
  for (int i = 0; i < r.n; ++i) {
    auto& s = live->sequences.emplace_back(
        LiveSequence{{}, SamplerState(sampling, seed, i, stops, own_constraint(r)), {}, false})
                  .sequence;
    s.request = s.arrival = id;
    s.index = i;
    s.priority = r.priority;
    s.tenant = r.tenant;
    s.salt = salt;
    s.n_prompt = live->n_prompt;
    s.n_total_max = live->n_prompt + std::max(live->n_output_max, 1);
  }
  // The others get their tokens when they start: waiting requests must not hold n copies.
  Sequence& leader = live->leader().sequence;
  leader.tokens.reserve(live->n_prompt + std::min(live->n_output_max, kOutputReserve) + 1);
  leader.tokens.assign(r.prompt.begin(), r.prompt.end());
  leader.n_unforked = r.n - 1;
  leader.score_prompt = r.prompt_logprobs >= 0;
  std::vector<Token>().swap(r.prompt);
  return live;
}

}  // namespace strata::engine
