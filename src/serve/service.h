// What every endpoint can reach, and how endpoints register.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "base/registry.h"
#include "fleet/fleet.h"
#include "net/server.h"
#include "serve/access.h"
#include "serve/access_log.h"
#include "serve/app.h"
#include "serve/generation_request.h"
#include "serve/keys.h"
#include "serve/response_store.h"
#include "serve/serve_metrics.h"
#include "serve/workers.h"

namespace strata::serve {

/// Shared by the endpoints and by answers under way, which hold it weakly.
struct Service : std::enable_shared_from_this<Service> {
  Service(std::unique_ptr<fleet::Fleet> fleet, AppOptions options);
  GenerationDefaults defaults() const { return {options.temperature, options.max_tokens}; }

  /// Whose request it is: 0, or what Keys::find gives.
  uint32_t tenant_of(const net::Request& request) const { return keys.find(key_of(request)); }
  /// Errors: permission_denied for a key that is no administrator's.
  void require_admin(const net::Request& request) const;

  const AppOptions options;
  const int64_t started_at;             // Unix time
  store::Database database;
  Keys keys;
  ResponseStore responses;
  AccessLog access_log;
  std::unique_ptr<fleet::Fleet> fleet;
  ServeMetrics metrics;
  Workers workers;
  net::Server server;
  std::atomic<bool> draining = false;
};

/// A request that a model answers. The model stays loaded as long as the call or the lease is kept.
struct Call {
  Service& service;
  const std::shared_ptr<net::Exchange> exchange;
  const Json body;
  const double arrived_s;               // now_s()
  fleet::Lease model = {};

  const fleet::ModelCard& card() const { return model->card; }
};

/// Errors thrown before a reply become the reply. The model of a ModelEndpoint is the one that the
/// member "model" of the body names; it has been loaded.
using Endpoint = void (*)(Service&, const std::shared_ptr<net::Exchange>&);
using ModelEndpoint = void (*)(Call&);

struct Route {
  std::string_view method, path;
  std::variant<Endpoint, ModelEndpoint> endpoint;
  std::string_view summary;   // for the page that lists them
  Json (*schema)() = nullptr;   // of the body, for the OpenAPI document
};

/// An API is one file in api/, registered by `static const Registry<Api> registered{Api{...}}`.
struct Api {
  std::string_view name;
  std::span<const Route> routes;
};

}  // namespace strata::serve
