// GET /openapi.json: the endpoints as an OpenAPI 3.1 document, made from the registered routes and
// the tables of their fields.
#include <cctype>

#include "base/version.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

Json parameters_of(std::string_view path) {
  Json parameters = Json::array();
  for (size_t at = 0; (at = path.find('{', at)) != path.npos; ++at) {
    const std::string_view name = path.substr(at + 1, path.find('}', at) - at - 1);
    parameters.push_back({{"name", name},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  return parameters;
}

/// "{id...}" takes the rest of a path; OpenAPI has no such thing.
std::string plain(std::string_view path) {
  std::string text(path);
  if (const size_t dots = text.find("..."); dots != text.npos) text.erase(dots, 3);
  return text;
}

Json object_of(Json properties) {
  Json schema = {{"type", "object"}, {"required", Json::array()}};
  for (const auto& [name, rule] : properties.items()) schema["required"].push_back(name);
  schema["properties"] = std::move(properties);
  return schema;
}

/// The shapes of serve/error.h.
Json error_schema(std::string_view path) {
  const Json text = {{"type", "string"}}, maybe = {{"type", {"string", "null"}}};
  if (path.starts_with("/api/")) return object_of({{"error", text}});
  if (path.starts_with("/v1/messages"))
    return object_of({{"type", {{"const", "error"}}},
                      {"error", object_of({{"type", text}, {"message", text}})}});
  return object_of({{"error", object_of({{"message", text},
                                         {"type", text},
                                         {"param", maybe},
                                         {"code", maybe}})}});
}

Json operation(const Route& route, const std::string& path) {
  const Json error = {{"application/json", {{"schema", error_schema(path)}}}};
  Json json = {{"summary", route.summary},
               {"parameters", parameters_of(path)},
               {"responses",
                {{"200", {{"description", "the answer"}}},
                 {"4XX", {{"description", "what is wrong with the request"}, {"content", error}}},
                 {"503", {{"description", "stopping or overloaded"}, {"content", error}}}}}};
  if (route.schema)
    json["requestBody"] = {{"required", true},
                           {"content", {{"application/json", {{"schema", route.schema()}}}}}};
  return json;
}

void document(Service&, const std::shared_ptr<net::Exchange>& exchange) {
  Json paths = Json::object();
  Registry<Api>::each([&](const Api& api) {
    for (const Route& route : api.routes) {
      std::string method(route.method);
      for (char& c : method) c = static_cast<char>(std::tolower(c));
      const std::string path = plain(route.path);
      paths[path][method] = operation(route, path);
    }
  });
  const Json bearer = {{"type", "http"}, {"scheme", "bearer"}};
  exchange->reply(200, "application/json",
                  to_text({{"openapi", "3.1.0"},
                           {"info", {{"title", "strata"}, {"version", version()}}},
                           {"components", {{"securitySchemes", {{"key", bearer}}}}},
                           {"security", Json::array({{{"key", Json::array()}}, Json::object()})},
                           {"paths", std::move(paths)}}));
}

const Route routes[] = {{"GET", "/openapi.json", document, "this interface, for machines"}};
const Registry<Api> registered{Api{"openapi", routes}};

}  // namespace
}  // namespace strata::serve
