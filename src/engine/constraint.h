// What a sequence may say next: the seam between sampling and whatever knows a grammar.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/request.h"

namespace strata::engine {

/// Follows one sequence's output, token by token. Nothing throws; used by one thread at a time, but
/// clone() by any number of them.
class Constraint {
 public:
  virtual ~Constraint() = default;

  /// One that stands where this one does and goes its own way from there.
  virtual std::unique_ptr<Constraint> clone() const = 0;

  /// Sets bit t % 32 of words[t / 32] for each token t that may come next, and clears the others.
  /// False: anything may come, and `words` holds nothing. After an error no bit is set.
  virtual bool mask(std::span<uint32_t> words) = 0;

  /// `token` came: one that the mask allowed.
  virtual void accept(Token token) = 0;

  /// The tokens that must come next, whatever the model says; none if there is a choice.
  virtual void forced(std::vector<Token>& tokens) = 0;

  /// The text is complete: nothing may follow.
  virtual bool finished() const = 0;

  /// Why it can go on no further; empty: it can.
  virtual std::string error() const = 0;
};

}  // namespace strata::engine
