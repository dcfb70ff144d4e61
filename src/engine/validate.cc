#include "engine/validate.h"

#include "base/error.h"
#include "engine/sampler.h"

namespace strata::engine {

namespace {

[[noreturn]] void refuse(std::string_view param, std::string message) {
  throw Error(Code::invalid_argument, std::move(message), {}, std::string(param));
}

/// NaN is outside every range.
void in_range(std::string_view param, double value, double low, double high) {
  if (value >= low && value <= high) return;
  refuse(param, fmt::format("{} must be from {} to {}, got {}", param, low, high, value));
}

void above_zero(std::string_view param, double value, double high) {
  if (value > 0 && value <= high) return;
  refuse(param, fmt::format("{} must be above 0 and at most {}, got {}", param, high, value));
}

void in_vocabulary(std::string_view param, Token token, int n_vocab) {
  if (token >= 0 && token < n_vocab) return;
  refuse(param, fmt::format("{}: token {} is not in the vocabulary of {} tokens", param, token,
                            n_vocab));
}

void at_most(std::string_view param, size_t size, size_t most) {
  if (size <= most) return;
  refuse(param, fmt::format("{} has {} entries, at most {} are allowed", param, size, most));
}

void check_sampling(const SamplingParams& s, const RequestLimits& limits) {
  in_range("temperature", s.temperature, 0, 100);
  in_range("top_k", s.top_k, -1, 1 << 30);
  above_zero("top_p", s.top_p, 1);
  in_range("min_p", s.min_p, 0, 1);
  above_zero("typical_p", s.typical_p, 1);
  above_zero("repetition_penalty", s.repetition_penalty, 100);
  in_range("presence_penalty", s.presence_penalty, -2, 2);
  in_range("frequency_penalty", s.frequency_penalty, -2, 2);
  at_most("logit_bias", s.logit_bias.size(), RequestLimits::kLogitBias);
  for (auto [token, bias] : s.logit_bias) {
    in_vocabulary("logit_bias", token, limits.n_vocab);
    in_range("logit_bias", bias, -100, 100);
  }
  in_range("logprobs", s.logprobs, -1, kLogprobsMax);
  in_range("max_tokens", s.max_tokens, -1, 1 << 30);
  in_range("min_tokens", s.min_tokens, 0, s.max_tokens < 0 ? 1 << 30 : s.max_tokens);
  at_most("stop_token_ids", s.stop_tokens.size(), RequestLimits::kStopTokens);
  for (Token token : s.stop_tokens) in_vocabulary("stop_token_ids", token, limits.n_vocab);
  at_most("allowed_token_ids", s.allowed_tokens.size(), RequestLimits::kAllowedTokens);
  for (Token token : s.allowed_tokens) in_vocabulary("allowed_token_ids", token, limits.n_vocab);
  at_most("bad_words", s.bad_words.size(), RequestLimits::kBadWords);
  for (const std::vector<Token>& word : s.bad_words) {
    if (word.empty()) refuse("bad_words", "bad_words: a word has no tokens");
    for (Token token : word) in_vocabulary("bad_words", token, limits.n_vocab);
  }
  in_range("top_n_sigma", s.top_n_sigma, 0, 100);
  in_range("xtc_probability", s.xtc_probability, 0, 1);
  in_range("xtc_threshold", s.xtc_threshold, 0, 1);
  in_range("dry_multiplier", s.dry_multiplier, 0, 100);
  in_range("dry_base", s.dry_base, 1, 100);
  in_range("dry_allowed_length", s.dry_allowed_length, 1, 1 << 30);
  in_range("dry_penalty_last_n", s.dry_penalty_last_n, -1, 1 << 30);
  for (Token token : s.dry_breakers) in_vocabulary("dry_sequence_breakers", token, limits.n_vocab);
  in_range("mirostat", s.mirostat, 0, 2);
  in_range("mirostat_tau", s.mirostat_tau, 0, 100);
  in_range("mirostat_eta", s.mirostat_eta, 0, 1);
}

}  // namespace

void validate(const Request& request, const RequestLimits& limits) {
  if (request.prompt.empty()) refuse("prompt", "the prompt is empty: it needs at least one token");
  int needed = request.sampling.max_tokens == 0 ? 0 : 1;
  if (request.prompt.size() + needed > size_t(limits.max_model_len))
    throw Error(Code::invalid_argument,
                fmt::format("this model's context is {} tokens, but the prompt has {} tokens{}: "
                            "shorten the prompt",
                            limits.max_model_len, request.prompt.size(),
                            needed ? ", which leaves no room for an answer" : ""),
                "context_length_exceeded", "prompt");
  for (Token token : request.prompt) in_vocabulary("prompt", token, limits.n_vocab);
  in_range("n", request.n, 1, RequestLimits::kN);
  if (request.n > limits.max_num_seqs)
    refuse("n", fmt::format("n is {}, but this server runs at most {} sequences at once", request.n,
                            limits.max_num_seqs));
  in_range("prompt_logprobs", request.prompt_logprobs, -1, kLogprobsMax);
  in_range("deadline_ms", request.deadline_s * 1000, 0, RequestLimits::kDeadlineMs);
  check_sampling(request.sampling, limits);
}

}  // namespace strata::engine
