// A loaded model and what is derived from it.
#pragma once
#include <memory>

#include "fleet/backend.h"
#include "fleet/model_card.h"
#include "fleet/model_dialect.h"
#include "fleet/token_sets.h"
#include "grammar/compiler.h"

namespace strata::fleet {

struct Model {
  /// Errors: invalid_argument for a backend without a tokenizer.
  Model(std::string name, std::unique_ptr<Backend> backend, const DialectNames& names = {});

  const std::unique_ptr<Backend> backend;
  const ModelCard card;
  const ModelDialect dialect;
  TokenSets token_sets;
  grammar::Compiler grammars;

  const model::Tokenizer& tokenizer() const { return *backend->tokenizer(); }
};

/// A use of a loaded model: it stays loaded as long as one is left. Any thread may drop it.
using Lease = std::shared_ptr<Model>;

}  // namespace strata::fleet
