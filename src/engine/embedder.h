// Vectors and scores of whole texts: batches of sequences through a pooled graph, without cache,
// scheduler or sampler. One thread computes; what several callers ask for shares its steps.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace strata::engine {

struct EmbedderOptions {
  int threads = 0;                             // 0: one per physical core
  Precision precision = Precision::fast;       // fast: also bf16 products of f32 weights, if any
  model::Pooling pooling = model::Pooling::none;   // none: the model's own
  bool normalise = true;                       // vectors of length 1; never scores
  int max_model_len = 0;                       // 0: the model's context
  int max_num_batched_tokens = 8192;           // of a step; at least one whole sequence
  int max_num_seqs = 256;
  int max_waiting = 1 << 16;                   // sequences
};

class Embedder {
 public:
  /// Errors: as Engine's constructor; invalid_argument for ranking without a ranking head.
  Embedder(std::shared_ptr<const model::Model> model, const EmbedderOptions& options);
  ~Embedder();   // waits for the running step; what has not begun is dropped

  /// Vectors [inputs][width()], in order, or an error; called from the computing thread.
  using OnDone = std::function<void(std::vector<std::vector<float>> vectors, std::string error)>;
  /// Errors: invalid_argument for an empty sequence, or one longer than max_model_len (reason
  /// context_length_exceeded) or with tokens outside the vocabulary; resource_exhausted.
  void submit(std::vector<std::vector<Token>> inputs, OnDone done);
  /// The same, waiting.
  std::vector<std::vector<float>> embed(std::vector<std::vector<Token>> inputs);

  /// Text's token ids, cut where the model's own pipeline cuts (model::text_limit) or at `most` (0:
  /// there alone), what closes the sequence kept.
  std::vector<Token> encode(std::string_view text, int most = 0) const;

  int width() const;                           // of a vector; labels of a ranking head
  const model::Model& model() const;
  const EmbedderOptions& options() const;      // with the chosen values filled in

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Bytes that an Embedder will allocate.
size_t plan_memory(const model::Model& model, const EmbedderOptions& options);

}  // namespace strata::engine
