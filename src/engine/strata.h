// strata as a library: one model, from whatever files it comes in.
//
//     strata::Model model = strata::Model::load("qwen3-8b");          // a path or a pulled name
//     std::string text = model.complete("The capital of France is", 16);
//
// docs/guide/use-as-a-library.md shows more.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"

namespace strata {

struct ModelOptions {
  int threads = 0;        // <= 0: one a core
  int context = 0;        // tokens; 0: the trained context, up to 4096
  bool exact = false;     // activations and cache in float32 instead of int8 and f16
};

class Model {
 public:
  /// What the files of a model hold and whether it runs, without reading a weight.
  /// Errors: not_found; data_loss for a corrupt file; unimplemented for a format that is unknown.
  static model::Plan plan(const std::string& path_or_name);

  /// Detects the format, checks the plan, then reads the weights.
  /// Errors: those of plan(); unimplemented with the plan's reasons for a model that does not run;
  /// resource_exhausted when it does not fit into memory.
  static Model load(const std::string& path_or_name, const ModelOptions& options = {});

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const model::Plan& plan() const;
  /// Errors, of what takes or gives text: invalid_argument for a model without a tokenizer.
  std::vector<int32_t> encode(std::string_view text) const;
  std::string decode(std::span<const int32_t> tokens) const;

  /// Logits of the token that follows, one a vocabulary entry. The tokens are the whole context.
  /// Errors: invalid_argument for no tokens, or more than the context holds.
  std::vector<float> logits(std::span<const int32_t> tokens);
  /// The most probable continuation, up to a stop token. Errors: as encode and logits.
  std::string complete(std::string_view prompt, int max_tokens);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata
