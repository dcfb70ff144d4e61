// The executor of a model on this machine.
#pragma once
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/step.h"

namespace strata::engine {

/// Compiles the graph, packs the weights and allocates the KV pool; fills in the options that were
/// left to choose (threads, kv_bytes, max_model_len).
/// Errors: resource_exhausted with bytes needed and available, before loading starts.
std::unique_ptr<StepExecutor> make_executor(const model::Model& model, EngineOptions& options);

/// Bytes that make_executor will allocate; fills in the options as it does.
/// Errors: as make_executor, but for what the machine has free.
size_t plan_memory(const model::Model& model, EngineOptions& options);

/// The executor of a model that drafts for `served`, whose settled options are given, on its pool.
/// Errors: those of make_executor; invalid_argument where the vocabularies differ.
std::unique_ptr<StepExecutor> make_draft_executor(const model::Model& model,
                                                  const model::Model& served,
                                                  EngineOptions options, ThreadPool& pool);

/// Where the packed weights of a model are kept: beside its file, or in its folder.
std::string layout_path(const model::Model& model);
/// Packs the weights into a layout file (graph/layout_file.h), which later starts map.
void write_layout(const model::Model& model, const std::string& path, int threads);

}  // namespace strata::engine
