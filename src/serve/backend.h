// What the endpoints need of an engine: the seam at which tests put a scripted one.
#pragma once
#include <memory>
#include <string>

#include "engine/embedder.h"
#include "engine/engine.h"

namespace strata::serve {

class Backend {
 public:
  virtual ~Backend() = default;

  struct Info {
    std::string name, path;      // of the model
    int n_vocab = 0;             // ids below it are valid in a prompt
    int max_model_len = 0;
    int embedding_width = 0;     // of its vectors; 0: unknown
  };
  virtual Info info() const = 0;
  virtual const model::Tokenizer* tokenizer() const = 0;          // null: none
  virtual const model::ChatTemplate* chat_template() const = 0;   // null: none

  // As engine::Engine.
  virtual uint64_t submit(engine::Request request, engine::OnEvent on_event) = 0;
  virtual void cancel(uint64_t id) = 0;
  virtual void finish(uint64_t id, int index) = 0;
  virtual bool drain(double timeout_s) = 0;
  virtual engine::EngineStats stats() const = 0;
  virtual double step_age_s() const = 0;

  /// As engine::Embedder::submit. Errors: also invalid_argument for a model that generates text.
  virtual void embed(std::vector<std::vector<engine::Token>> inputs,
                     engine::Embedder::OnDone done);
  /// As engine::Embedder::encode.
  virtual std::vector<engine::Token> encode(std::string_view text, int most) const;
};

/// What they are given must outlive them.
std::unique_ptr<Backend> make_backend(engine::Engine& engine);
std::unique_ptr<Backend> make_backend(engine::Embedder& embedder);

}  // namespace strata::serve
