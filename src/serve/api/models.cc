// GET /v1/models, GET /v1/models/{id}
#include "serve/json.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

Json model_json(const Service& service, const fleet::ModelState& state, const std::string& name) {
  Json json = {{"id", name},
               {"object", "model"},
               {"created", service.started_at},
               {"owned_by", "strata"},
               {"root", state.spec.path},
               {"parent", nullptr},
               {"state", fleet::name(state.phase)}};
  // Known once the model has been loaded.
  json["max_model_len"] = state.info ? Json(state.info->max_model_len) : Json();
  return json;
}

void list(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  Json data = Json::array();
  for (const fleet::ModelState& state : service.fleet->list())
    for (const std::string& name : state.spec.names)
      data.push_back(model_json(service, state, name));
  exchange->reply(200, "application/json",
                  to_text({{"object", "list"}, {"data", std::move(data)}}));
}

void show(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const std::string& id = exchange->request().path_parameters.at(0).second;
  exchange->reply(200, "application/json",
                  to_text(model_json(service, service.fleet->state(id), id)));
}

const Route routes[] = {{"GET", "/v1/models", list, "the served models"},
                        {"GET", "/v1/models/{id...}", show, "one of them"}};
const Registry<Api> registered{Api{"models", routes}};

}  // namespace
}  // namespace strata::serve
