// What must agree before blocks of an earlier run may be used again.
#pragma once
#include <string>

#include "engine/engine.h"

namespace strata::engine {

/// SHA-256 over names, types, shapes and samples of all tensors, the precision, and the
/// instruction set, whose rounding is part of a block's content.
std::string kv_fingerprint(const model::Model& model, const EngineOptions& options);

}  // namespace strata::engine
