// GET /metrics
#include "serve/service.h"

namespace strata::serve {
namespace {

void show_metrics(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  exchange->reply(200, "text/plain; version=0.0.4; charset=utf-8", service.metrics.text());
}

const Route routes[] = {{"GET", "/metrics", show_metrics, "measurements for Prometheus"}};
const Registry<Api> registered{Api{"metrics", routes}};

}  // namespace
}  // namespace strata::serve
