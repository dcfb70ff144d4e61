// GET /health, GET /version
#include <algorithm>

#include "base/version.h"
#include "serve/json.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

void health(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const double limit = service.options.watchdog_s;
  double age = 0;
  service.fleet->each([&](const fleet::Model& model) {
    age = std::max(age, model.backend->step_age_s());
  });
  if (limit > 0 && age > limit)
    return exchange->reply(503, "application/json",
                           to_text({{"status", "stuck"}, {"step_seconds", age}}));
  const bool draining = service.draining;
  exchange->reply(draining ? 503 : 200, "application/json",
                  to_text({{"status", draining ? "draining" : "ok"}}));
}

void show_version(Service&, const std::shared_ptr<net::Exchange>& exchange) {
  exchange->reply(200, "application/json",
                  to_text({{"version", version()}, {"commit", commit()}}));
}

const Route routes[] = {{"GET", "/health", health, "200 when ready, 503 when stopping or stuck"},
                        {"GET", "/version", show_version, "what is running"}};
const Registry<Api> registered{Api{"health", routes}};

}  // namespace
}  // namespace strata::serve
