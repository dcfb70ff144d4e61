// GET /endpoints: what there is.
#include <algorithm>

#include "serve/json.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

void list(Service&, const std::shared_ptr<net::Exchange>& exchange) {
  std::vector<Route> all;
  Registry<Api>::each([&](const Api& api) {
    all.insert(all.end(), api.routes.begin(), api.routes.end());
  });
  std::sort(all.begin(), all.end(), [](const Route& a, const Route& b) {
    return std::tie(a.path, a.method) < std::tie(b.path, b.method);
  });
  Json endpoints = Json::array();
  for (const Route& route : all)
    endpoints.push_back({{"method", route.method},
                         {"path", route.path},
                         {"summary", route.summary}});
  exchange->reply(200, "application/json", to_text({{"endpoints", std::move(endpoints)}}));
}

const Route routes[] = {{"GET", "/endpoints", list, "this list"}};
const Registry<Api> registered{Api{"endpoints", routes}};

}  // namespace
}  // namespace strata::serve
