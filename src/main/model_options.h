// The options that every command that loads a model has in common.
#pragma once
#include <memory>
#include <string>

#include "engine/engine.h"
#include "main/command.h"
#include "model/model.h"

namespace strata {

struct ModelOptions {
  std::string model, precision = "fast";
  engine::EngineOptions machine = {};   // threads, numa, layout_file, kv_cache_dtype
};
void add_model_options(CLI::App& command, ModelOptions& options);
/// --threads, --numa, --layout-file, --kv-cache-dtype.
void add_machine_options(CLI::App& command, engine::EngineOptions& options);

/// By path or name in the library. Errors: those of model::find_model and model::load.
std::shared_ptr<model::Model> load_model(const ModelOptions& options);
engine::EngineOptions engine_options(const ModelOptions& options);
/// Errors: invalid_argument when the model has none.
const model::Tokenizer& need_tokenizer(const model::Model& model);

}  // namespace strata
