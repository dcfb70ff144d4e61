// GET /: what there is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/version.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else out += c;
  }
  return out;
}

void index(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  std::vector<Route> all;
  Registry<Api>::each([&](const Api& api) {
    all.insert(all.end(), api.routes.begin(), api.routes.end());
  });
  std::sort(all.begin(), all.end(), [](const Route& a, const Route& b) {
    return std::tie(a.path, a.method) < std::tie(b.path, b.method);
  });
  std::vector<std::string> names;
  for (const fleet::ModelState& state : service.fleet->list()) names.push_back(state.spec.name());
  std::string rows;
  for (const Route& r : all)
    rows += fmt::format("<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n", r.method,
                        escape(r.path), escape(r.summary));
  exchange->reply(
      200, "text/html; charset=utf-8",
      fmt::format(
          "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>strata</title>\n"
          "<h1>strata {}</h1>\n<p>Serving <b>{}</b>.</p>\n<table>\n{}</table>\n</html>\n",
          version(), escape(fmt::format("{}", fmt::join(names, ", "))), rows));
}

const Route routes[] = {{"GET", "/", index, "this page"}};
const Registry<Api> registered{Api{"index", routes}};

}  // namespace
}  // namespace strata::serve
