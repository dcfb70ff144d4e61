// From a model as described to a loaded one, in two steps: sizes first, weights then.
#pragma once
#include <functional>
#include <memory>

#include "fleet/backend.h"
#include "fleet/spec.h"

namespace strata::fleet {

/// Called with what part of the work is done, 0 to 1, from the loading thread.
using OnProgress = std::function<void(double)>;

/// Files are open and sizes known; nothing is packed yet.
class OpenedModel {
 public:
  virtual ~OpenedModel() = default;
  /// Bytes that load() will allocate and keep.
  virtual size_t bytes() const = 0;
  /// Once. Errors: those of engine::Engine and engine::Embedder.
  virtual std::unique_ptr<Backend> load(const OnProgress& on_progress) = 0;
};

/// Errors: those of model::load; invalid_argument for options that do not fit the model.
using Opener = std::function<std::unique_ptr<OpenedModel>(const ModelSpec&)>;

/// The real one: engines on this machine.
std::unique_ptr<OpenedModel> open_model(const ModelSpec& spec);

}  // namespace strata::fleet
