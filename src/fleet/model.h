// A loaded model and what is derived from it.
#pragma once
#include <memory>

#include "fleet/backend.h"
#include "fleet/model_card.h"
#include "fleet/token_sets.h"

namespace strata::fleet {

struct Model {
  /// Errors: invalid_argument for a backend without a tokenizer.
  Model(std::string name, std::unique_ptr<Backend> backend);

  const std::unique_ptr<Backend> backend;
  const ModelCard card;
  TokenSets token_sets;

  const model::Tokenizer& tokenizer() const { return *backend->tokenizer(); }
};

/// A use of a loaded model: it stays loaded as long as one is left. Any thread may drop it.
using Lease = std::shared_ptr<Model>;

}  // namespace strata::fleet
