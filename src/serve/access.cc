#include "serve/access.h"

#include <algorithm>

namespace strata::serve {
namespace {

constexpr std::string_view open_paths[] = {"/health", "/version"};
constexpr std::string_view bearer = "bearer ";

// The pages ask for a key themselves: nothing of the server's state is in them.
bool is_open(std::string_view path) {
  return path == "/" || path.starts_with("/assets/") ||
         std::find(std::begin(open_paths), std::end(open_paths), path) != std::end(open_paths);
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

bool has_bearer(std::string_view header) {
  return header.size() > bearer.size() &&
         std::equal(bearer.begin(), bearer.end(), header.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

}  // namespace

uint32_t tenant_of(const net::Request& request, const std::vector<std::string>& keys) {
  const std::string_view header = request.header("Authorization");
  if (!has_bearer(header)) return 0;
  uint32_t found = 0;
  for (uint32_t i = 0; i < keys.size(); ++i)
    if (same_secret(header.substr(bearer.size()), keys[i])) found = i + 1;
  return found;
}

bool is_authorized(const net::Request& request, const std::vector<std::string>& keys) {
  if (keys.empty()) return true;
  return is_open(request.path) || tenant_of(request, keys) != 0;
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
  headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  const std::string_view asked = request.header("Access-Control-Request-Headers");
  headers.emplace_back("Access-Control-Allow-Headers",
                       asked.empty() ? "Authorization, Content-Type" : std::string(asked));
  headers.emplace_back("Access-Control-Max-Age", "86400");
}

bool is_preflight(const net::Request& request) {
  return request.method == "OPTIONS" && !request.header("Origin").empty() &&
         !request.header("Access-Control-Request-Method").empty();
}

}  // namespace strata::serve
