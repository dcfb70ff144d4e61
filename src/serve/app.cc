#include "serve/app.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/topology.h"
#include "serve/access.h"
#include "serve/error.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

constexpr size_t inline_body_bytes = 32u << 10;   // longer ones go to the workers
constexpr double last_words_s = 2;                // for answers of what has just ended

int choose_io_threads(int wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(static_cast<int>(topology().cpus.size()) / 8, 1, 4);
}

std::unique_ptr<Backend> checked(std::unique_ptr<Backend> backend) {
  if (!backend->tokenizer())
    fail(Code::invalid_argument, "{} has no tokenizer: it cannot be served",
         backend->info().path);
  return backend;
}

/// Runs an endpoint; what it throws becomes the reply.
void answer(Service& service, Endpoint endpoint, const std::shared_ptr<net::Exchange>& exchange) {
  auto refuse = [&](const Error& error) {
    service.metrics.refused(http_status(error.code()));
    reply_error(*exchange, error);
  };
  const net::Request& request = exchange->request();
  try {
    endpoint(service, exchange);
  } catch (const Error& e) {
    log::debug("{} {}: {}", request.method, request.path, e.what());
    refuse(e);
  } catch (const std::exception& e) {
    log::error("{} {}: {}", request.method, request.path, e.what());
    refuse(Error(Code::internal, "internal error: see the server's log"));
  }
}

void dispatch(Service& service, Endpoint endpoint, std::shared_ptr<net::Exchange> exchange) {
  if (service.draining && exchange->request().method == "POST")
    return reply_error(*exchange, Error(Code::unavailable, "the server is shutting down"));
  if (exchange->request().body.size() <= inline_body_bytes)
    return answer(service, endpoint, exchange);
  auto job = [&service, endpoint, exchange] { answer(service, endpoint, exchange); };
  try {
    service.workers.post(std::move(job));
  } catch (const Error& e) {
    reply_error(*exchange, e);
  }
}

void install(Service& service) {
  net::Server& server = service.server;
  Registry<Api>::each([&](const Api& api) {
    for (const Route& route : api.routes)
      server.route(route.method, route.path,
                   [&service, endpoint = route.endpoint](std::shared_ptr<net::Exchange> exchange) {
                     dispatch(service, endpoint, std::move(exchange));
                   });
  });
  server.on_error(error_body);
  server.decorate([&service](const net::Request& request, net::Headers& headers) {
    add_cors_headers(request, service.options.cors_origins, headers);
  });
  server.before([&service](net::Exchange& exchange) {
    const net::Request& request = exchange.request();
    if (is_preflight(request) && !service.options.cors_origins.empty()) {
      exchange.reply(204, "", "");
      return false;
    }
    if (is_authorized(request, service.options.api_keys)) return true;
    reply_error(exchange, Error(Code::unauthenticated,
                                "no valid API key: send the header 'Authorization: Bearer KEY'",
                                "invalid_api_key"));
    return false;
  });
}

}  // namespace

Service::Service(std::unique_ptr<Backend> given, AppOptions app_options)
    : options(std::move(app_options)),
      backend(checked(std::move(given))),
      card(backend->info(), options.served_names),
      metrics(*backend, card.name()),
      token_sets(*backend->tokenizer()),
      workers(std::max(1, options.worker_threads)),
      server({.host = options.host,
              .port = options.port,
              .threads = choose_io_threads(options.io_threads),
              .max_body_bytes = options.max_body_bytes,
              .max_connections = options.max_connections}) {}

struct App::Impl {
  std::shared_ptr<Service> service;
  bool running = false;
};

App::App(engine::Engine& engine, AppOptions options)
    : App(make_backend(engine), std::move(options)) {}

App::App(std::unique_ptr<Backend> backend, AppOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->service = std::make_shared<Service>(std::move(backend), std::move(options));
  install(*impl_->service);
}

App::~App() { stop(0); }

void App::start() {
  impl_->service->server.start();
  impl_->running = true;
}

int App::port() const { return impl_->service->server.port(); }

void App::stop(double timeout_s) {
  if (!std::exchange(impl_->running, false)) return;
  Service& service = *impl_->service;
  const double end = now_s() + timeout_s;
  service.draining = true;
  // New requests are refused and connections still accepted while what runs comes to its end.
  const bool all_ended = service.backend->drain(timeout_s);
  service.server.stop(all_ended && timeout_s > 0 ? std::max(end - now_s(), last_words_s) : 0);
  service.workers.stop();
}

}  // namespace strata::serve
