// Blocking HTTP/1.1 client (http and https), one call a request; for downloads and load tests.
#pragma once
#include <functional>
#include <string>

#include "net/server.h"

namespace strata::net {

struct ClientRequest {
  std::string method = "GET", url, body;
  Headers headers;
  double timeout_s = 30;             // without any byte arriving
  int max_redirects = 5;             // Authorization is dropped when the host changes
  size_t max_body_bytes = 64u << 20; // only without on_chunk
  /// Called with each part of a 2xx body as it arrives; false ends the transfer (cancelled).
  std::function<bool(std::string_view)> on_chunk;
  /// Called with status and headers before the body.
  std::function<void(int, const Headers&)> on_header;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  std::string_view header(std::string_view name) const;
};

/// Errors: unavailable (refused, time-out, TLS, name) naming the host; cancelled; invalid_argument
/// (bad URL).
ClientResponse fetch(const ClientRequest& request);

struct Url {
  std::string scheme, host, port, target;
};
Url parse_url(std::string_view url);

}  // namespace strata::net
