// What every endpoint can reach, and how endpoints register.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <string_view>

#include "base/registry.h"
#include "net/server.h"
#include "serve/app.h"
#include "serve/backend.h"
#include "serve/generation_request.h"
#include "serve/model_card.h"
#include "serve/serve_metrics.h"
#include "serve/token_sets.h"
#include "serve/workers.h"

namespace strata::serve {

/// Shared by the endpoints and by answers under way, which hold it weakly.
struct Service : std::enable_shared_from_this<Service> {
  Service(std::unique_ptr<Backend> backend, AppOptions options);
  GenerationDefaults defaults() const { return {options.temperature, options.max_tokens}; }

  const AppOptions options;
  const std::unique_ptr<Backend> backend;
  const ModelCard card;
  ServeMetrics metrics;
  TokenSets token_sets;
  Workers workers;
  net::Server server;
  std::atomic<bool> draining = false;
};

/// Errors thrown before a reply become the reply.
using Endpoint = void (*)(Service&, const std::shared_ptr<net::Exchange>&);

struct Route {
  std::string_view method, path;
  Endpoint endpoint;
  std::string_view summary;   // for the page that lists them
};

/// An API is one file in api/, registered by `static const Registry<Api> registered{Api{...}}`.
struct Api {
  std::string_view name;
  std::span<const Route> routes;
};

}  // namespace strata::serve
