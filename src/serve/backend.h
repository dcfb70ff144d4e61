// What the endpoints need of an engine: the seam at which tests put a scripted one.
#pragma once
#include <memory>
#include <string>

#include "engine/engine.h"

namespace strata::serve {

class Backend {
 public:
  virtual ~Backend() = default;

  struct Info {
    std::string name, path;      // of the model
    int n_vocab = 0;             // ids below it are valid in a prompt
    int max_model_len = 0;
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
};

/// The engine must outlive it.
std::unique_ptr<Backend> make_backend(engine::Engine& engine);

}  // namespace strata::serve
