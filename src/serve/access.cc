#include "serve/access.h"

#include <algorithm>

namespace strata::serve {
namespace {

constexpr std::string_view open_paths[] = {"/health", "/version"};
constexpr std::string_view bearer = "bearer ";

bool has_bearer(std::string_view header) {
  return header.size() > bearer.size() &&
         std::equal(bearer.begin(), bearer.end(), header.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

}  // namespace

std::string_view key_of(const net::Request& request) {
  const std::string_view header = request.header("Authorization");
  return has_bearer(header) ? header.substr(bearer.size()) : request.header("x-api-key");
}

// The pages ask for a key themselves: nothing of the server's state is in them.
bool is_open(std::string_view path) {
  return path == "/" || path.starts_with("/assets/") ||
         std::find(std::begin(open_paths), std::end(open_paths), path) != std::end(open_paths);
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void add_cors_headers(const net::Request& request, const std::vector<std::string>& origins,
                      net::Headers& headers) {
  const std::string_view origin = request.header("Origin");
  if (origins.empty()) return;
  const bool any = std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (!any) headers.emplace_back("Vary", "Origin");
  if (origin.empty()) return;
  if (!any && std::find(origins.begin(), origins.end(), origin) == origins.end()) return;
  headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
  if (!is_preflight(request)) return;
  headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  const std::string_view asked = request.header("Access-Control-Request-Headers");
  constexpr const char* usual = "Authorization, Content-Type, X-Api-Key";
  headers.emplace_back("Access-Control-Allow-Headers", asked.empty() ? usual : std::string(asked));
  headers.emplace_back("Access-Control-Max-Age", "86400");
}

bool is_preflight(const net::Request& request) {
  return request.method == "OPTIONS" && !request.header("Origin").empty() &&
         !request.header("Access-Control-Request-Method").empty();
}

}  // namespace strata::serve
