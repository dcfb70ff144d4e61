#include "main/text_options.h"

#include <fstream>
#include <iterator>

#include "base/error.h"

namespace strata {

void add_text_options(CLI::App& command, TextOptions& options) {
  command.add_option("--file", options.file, "UTF-8 text")->required();
  command.add_option("--context", options.context, "tokens a window; the second half is scored")
      ->check(CLI::Range(4, 1 << 20));
  command.add_option("--windows", options.windows, "most windows to score (0: all)");
}

std::vector<model::Token> read_tokens(const TextOptions& options, const model::Model& model) {
  std::ifstream in(options.file, std::ios::binary);
  if (!in) fail(Code::not_found, "cannot read the text file {}", options.file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return need_tokenizer(model).encode(text, {.add_special = true, .parse_special = false});
}

engine::ScoredText scored_text(const TextOptions& options, std::span<const model::Token> tokens,
                               const model::Model& model) {
  const model::Tokenizer& tokenizer = need_tokenizer(model);
  return {.tokens = tokens,
          .context = options.context,
          .bos = tokenizer.add_bos ? tokenizer.bos : -1,
          .max_windows = options.windows};
}

engine::EngineOptions session_options(const ModelOptions& model, const TextOptions& text) {
  engine::EngineOptions options = engine_options(model);
  options.max_model_len = text.context;
  options.max_num_seqs = 1;
  options.max_num_batched_tokens = text.context;
  return options;
}

}  // namespace strata
