// Who may ask: API keys and cross-origin rules.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/server.h"

namespace strata::serve {

/// True if `path` needs no key, or the Authorization header carries one of `keys` ("Bearer KEY").
/// Takes the same time for every wrong key of a length.
bool is_authorized(const net::Request& request, const std::vector<std::string>& keys);

/// Whose request it is: 1 + the index of the key it carries, 0 if none of `keys`.
uint32_t tenant_of(const net::Request& request, const std::vector<std::string>& keys);

/// The CORS headers of a response to `request`; none for an origin that is not allowed.
void add_cors_headers(const net::Request& request, const std::vector<std::string>& origins,
                      net::Headers& headers);

/// A browser asking whether it may ask.
bool is_preflight(const net::Request& request);

}  // namespace strata::serve
