// The executor of a model on this machine.
#pragma once
#include <memory>

#include "engine/engine.h"
#include "engine/step.h"

namespace strata::engine {

/// Compiles the graph, packs the weights and allocates the KV pool; fills in the options that were
/// left to choose (threads, kv_bytes, max_model_len).
/// Errors: resource_exhausted with bytes needed and available, before loading starts.
std::unique_ptr<StepExecutor> make_executor(const model::Model& model, EngineOptions& options);

}  // namespace strata::engine
