// GET /v1/models, GET /v1/models/{id}
#include "serve/json.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

Json model_json(const ModelCard& card, const std::string& name) {
  return {{"id", name},
          {"object", "model"},
          {"created", card.created},
          {"owned_by", "strata"},
          {"root", card.path},
          {"parent", nullptr},
          {"max_model_len", card.max_model_len}};
}

void list(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  Json data = Json::array();
  for (const std::string& name : service.card.names)
    data.push_back(model_json(service.card, name));
  exchange->reply(200, "application/json",
                  to_text({{"object", "list"}, {"data", std::move(data)}}));
}

void show(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const std::string& id = exchange->request().path_parameters.at(0).second;
  service.card.require(id);
  exchange->reply(200, "application/json", to_text(model_json(service.card, id)));
}

const Route routes[] = {{"GET", "/v1/models", list, "the served models"},
                        {"GET", "/v1/models/{id...}", show, "one of them"}};
const Registry<Api> registered{Api{"models", routes}};

}  // namespace
}  // namespace strata::serve
