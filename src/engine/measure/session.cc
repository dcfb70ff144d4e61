#include "engine/measure/session.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace strata::engine {

Session::Session(const model::Model& model, EngineOptions options)
    : options_(options), executor_(model, options_), cache_(executor_.kv(), false, executor_) {}

void Session::rewind(int n) {
  STRATA_CHECK(n == 0 || n / kBlock >= table_.passed);
  if (n == 0) cache_.release(table_);
  n_past_ = n;
}

/// Blocks for `n` tokens more, or as many as there is room for. Returns for how many there is.
int Session::grow(int n) {
  cache_.pass(table_, n_past_);
  while (table_.size() * kBlock < n_past_ + n && cache_.extend(table_)) {}
  return std::min(n, table_.size() * kBlock - n_past_);
}

const float* Session::append(std::span<const Token> tokens, int n_logits) {
  const auto room = static_cast<size_t>(executor_.kv().positions());
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
    const int most = static_cast<int>(std::min<size_t>(tokens.size() - i, executor_.max_tokens()));
    const auto n = static_cast<size_t>(grow(most));
    STRATA_CHECK(n > 0);
    const bool last = i + n == tokens.size();
    const StepSequence s{.first_token = 0,
                         .n_token = static_cast<int>(n),
                         .n_past = n_past_,
                         .blocks = table_.blocks,
                         .n_logits = last ? std::min(n_logits, static_cast<int>(n)) : 0,
                         .state = executor_.n_state() > 0 ? 0 : -1};
    logits = executor_.run({.tokens = tokens.subspan(i, n),
                            .sequences = {&s, 1},
                            .pages = cache_.pages().map()});
    n_past_ += static_cast<int>(n);
    i += n;
  }
  return logits;
}

}  // namespace strata::engine
