#include "engine/measure/session.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace strata::engine {

Session::Session(const model::Model& model, EngineOptions options)
    : options_(options), executor_(model, options_) {
  blocks_.resize(static_cast<size_t>(executor_.n_block()));
  std::iota(blocks_.begin(), blocks_.end(), 0);
}

const float* Session::append(std::span<const Token> tokens, int n_logits) {
  const size_t room = blocks_.size() * kernel::kKvBlock;
  if (tokens.empty()) fail(Code::invalid_argument, "no tokens to evaluate");
  if (static_cast<size_t>(n_past_) + tokens.size() > room) {
    throw Error(Code::invalid_argument,
                fmt::format("{} tokens after {} exceed the context of {}", tokens.size(), n_past_,
                            room),
                "context_length_exceeded");
  }
  const int vocab = n_vocab();
  for (Token t : tokens) {
    if (t < 0 || t >= vocab)
      fail(Code::invalid_argument, "token {} is outside the vocabulary of {}", t, vocab);
  }
  const float* logits = nullptr;
  for (size_t i = 0; i < tokens.size();) {
    const size_t n = std::min(tokens.size() - i, static_cast<size_t>(executor_.max_tokens()));
    const bool last = i + n == tokens.size();
    const StepSequence s{.first_token = 0,
                         .n_token = static_cast<int>(n),
                         .n_past = n_past_,
                         .blocks = blocks_,
                         .n_logits = last ? std::min(n_logits, static_cast<int>(n)) : 0,
                         .state = executor_.n_state() > 0 ? 0 : -1};
    logits = executor_.run({.tokens = tokens.subspan(i, n), .sequences = {&s, 1}});
    n_past_ += static_cast<int>(n);
    i += n;
  }
  return logits;
}

}  // namespace strata::engine
