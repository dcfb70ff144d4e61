// Method and path -> handler.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/server.h"

namespace strata::net {

class Router {
 public:
  /// Segments of `path`: literal, {name} (one segment) or, last, {name...} (one or more segments).
  void add(std::string_view method, std::string_view path, Handler handler);

  struct Match {
    const Handler* handler = nullptr;   // null: no such method or path
    std::string allow;                  // methods of the path, "GET, HEAD"; empty: unknown path
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  /// `path`: percent-encoded, without query. HEAD finds the GET route. Earlier routes win.
  Match find(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace strata::net
