// Who may ask: API keys and cross-origin rules.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/server.h"

namespace strata::serve {

/// True for paths that need no key.
bool is_open(std::string_view path);

/// True if only this machine reaches the address.
bool is_loopback(std::string_view host);

/// The key that a request carries: "Authorization: Bearer KEY", or Anthropic's "x-api-key: KEY".
std::string_view key_of(const net::Request& request);

/// The CORS headers of a response to `request`; none for an origin that is not allowed.
void add_cors_headers(const net::Request& request, const std::vector<std::string>& origins,
                      net::Headers& headers);

/// A browser asking whether it may ask.
bool is_preflight(const net::Request& request);

}  // namespace strata::serve
