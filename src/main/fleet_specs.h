// Which models a server has, from its options.
#pragma once
#include <vector>

#include "main/serving.h"

namespace strata {

/// Errors: not_found for a model that does not exist, or a name of `pinned` that is none;
/// already_exists for a name given twice.
std::vector<fleet::ModelSpec> make_specs(const ServingOptions& options);

/// The fleet of these models, with the options that were left to choose.
std::unique_ptr<fleet::Fleet> make_fleet(const ServingOptions& options);

}  // namespace strata
