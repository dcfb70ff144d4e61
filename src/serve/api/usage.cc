// GET /v1/usage: tokens by key, day and model.
#include "serve/json.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

/// Users see their own, administrators everybody's.
void usage(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const uint32_t tenant = service.tenant_of(exchange->request());
  const bool all = service.keys.role(tenant) == Role::admin;
  Json data = Json::array();
  for (const KeyUsage& u : service.keys.usage(all ? 0 : tenant))
    data.push_back({{"key", u.key},
                    {"day", u.day},
                    {"model", u.model},
                    {"requests", u.requests},
                    {"prompt_tokens", u.prompt_tokens},
                    {"completion_tokens", u.completion_tokens}});
  exchange->reply(200, "application/json",
                  to_text({{"object", "list"}, {"data", std::move(data)}}));
}

const Route routes[] = {{"GET", "/v1/usage", usage, "tokens by API key, day and model"}};
const Registry<Api> registered{Api{"usage", routes}};

}  // namespace
}  // namespace strata::serve
