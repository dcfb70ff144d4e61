// The options of commands that score a text.
#pragma once
#include <string>
#include <vector>

#include "engine/measure/scored_rows.h"
#include "main/model_options.h"

namespace strata {

struct TextOptions {
  std::string file;
  int context = 512, windows = 0;
};
void add_text_options(CLI::App& command, TextOptions& options);

/// The file's text in tokens of the model. Errors: not_found when it cannot be read.
std::vector<model::Token> read_tokens(const TextOptions& options, const model::Model& model);
/// `tokens` is what read_tokens() gave, and outlives the result.
engine::ScoredText scored_text(const TextOptions& options, std::span<const model::Token> tokens,
                               const model::Model& model);
/// engine_options() with room for one window.
engine::EngineOptions session_options(const ModelOptions& model, const TextOptions& text);

}  // namespace strata
