#include "serve/app.h"

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/log.h"
#include "base/topology.h"
#include "serve/access.h"
#include "serve/dispatch.h"
#include "serve/error.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

constexpr double last_words_s = 2;                // for answers of what has just ended

int choose_io_threads(int wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(static_cast<int>(topology().cpus.size()) / 8, 1, 4);
}

/// Checks the key and its requests a minute; false: it was replied to.
bool admit(Service& service, net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  if (service.keys.empty() || is_open(request.path)) return true;
  try {
    const uint32_t tenant = service.tenant_of(request);
    if (tenant == 0)
      throw Error(Code::unauthenticated,
                  "no valid API key: send the header 'Authorization: Bearer KEY'",
                  "invalid_api_key");
    if (request.method == "POST") service.keys.admit(tenant);
    return true;
  } catch (const Error& e) {
    service.metrics.refused(http_status(e.code()));
    reply_error(exchange, e);
    return false;
  }
}

/// Where the state lies: a file of the folder, which is made if it is not there.
std::string database_path(const AppOptions& options) {
  if (options.state_folder.empty()) return ":memory:";
  std::error_code ec;
  std::filesystem::create_directories(options.state_folder, ec);
  if (ec)
    fail(Code::unavailable, "cannot make the state folder '{}': {}", options.state_folder,
         ec.message());
  return options.state_folder + "/strata.db";
}

void install(Service& service) {
  net::Server& server = service.server;
  Registry<Api>::each([&](const Api& api) {
    for (const Route& route : api.routes)
      server.route(route.method, route.path,
                   [&service, &route](std::shared_ptr<net::Exchange> exchange) {
                     dispatch(service, route, std::move(exchange));
                   });
  });
  server.on_error(error_body);
  server.decorate([&service](const net::Request& request, net::Headers& headers) {
    add_cors_headers(request, service.options.cors_origins, headers);
    headers.emplace_back("X-Request-Id", request.id);
  });
  server.before([&service](net::Exchange& exchange) {
    const net::Request& request = exchange.request();
    if (is_preflight(request) && !service.options.cors_origins.empty()) {
      exchange.reply(204, "", "");
      return false;
    }
    return admit(service, exchange);
  });
  server.after([&service](const net::Request& request, const net::Outcome& outcome) {
    service.access_log.write(request, outcome, service.keys.name(service.tenant_of(request)));
  });
}

}  // namespace

Service::Service(std::unique_ptr<fleet::Fleet> given, AppOptions app_options)
    : options(std::move(app_options)),
      started_at(unix_time_s()),
      database(database_path(options)),
      keys(options.keys, database),
      responses(database),
      access_log(options.access_log),
      fleet(std::move(given)),
      metrics(*fleet),
      workers(std::max(1, options.worker_threads)),
      server({.host = options.host,
              .port = options.port,
              .threads = choose_io_threads(options.io_threads),
              .max_body_bytes = options.max_body_bytes,
              .max_connections = options.max_connections,
              .tls_certificate = options.tls_certificate,
              .tls_key = options.tls_key}) {}

void Service::require_admin(const net::Request& request) const {
  if (keys.role(tenant_of(request)) != Role::admin)
    fail(Code::permission_denied, "this needs an administrator's API key");
}

struct App::Impl {
  std::shared_ptr<Service> service;
  bool running = false;
};

App::App(std::unique_ptr<fleet::Fleet> fleet, AppOptions options)
    : impl_(std::make_unique<Impl>()) {
  impl_->service = std::make_shared<Service>(std::move(fleet), std::move(options));
  install(*impl_->service);
}

App::~App() { stop(0); }

void App::start() {
  const AppOptions& o = impl_->service->options;
  if (o.keys.empty() && !o.allow_anonymous && !is_loopback(o.host))
    fail(Code::permission_denied,
         "'{}' is reached from other machines: give API keys (--api-key), or allow everybody "
         "(--allow-anonymous)", o.host);
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
  const bool all_ended = service.fleet->drain(timeout_s);
  service.server.stop(all_ended && timeout_s > 0 ? std::max(end - now_s(), last_words_s) : 0);
  service.workers.stop();
  // The loading thread hands requests on to server and workers: it ends before they do.
  service.fleet.reset();
}

}  // namespace strata::serve
