// From what a request asks of its answer to the constraint that the engine follows.
#pragma once
#include <memory>

#include "engine/constraint.h"
#include "fleet/model.h"
#include "serve/structured.h"

namespace strata::serve {

/// Null if nothing is asked. Errors: invalid_argument naming the field and what cannot be enforced.
std::shared_ptr<const engine::Constraint> make_constraint(fleet::Model& model,
                                                          const StructureFields& format);

}  // namespace strata::serve
