#include <algorithm>

#include "net/client.h"
#include "net/server.h"

namespace strata::net {

static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

static std::string_view first_value(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(),
                   [](char a, char b) { return lower(a) == lower(b); }))
      return value;
  return {};
}

std::string_view Request::header(std::string_view name) const {
  return first_value(headers, name);
}

std::string_view ClientResponse::header(std::string_view name) const {
  return first_value(headers, name);
}

}  // namespace strata::net
