// The head of a response, as bytes.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "net/server.h"

namespace strata::net {

struct Head {
  int status = 200;
  std::string content_type;
  Headers headers;
  std::optional<size_t> content_length;   // none: chunked, or delimited by the end (HTTP/1.0)
};

/// How the connection frames and ends the message.
struct Framing {
  int minor_version = 1;   // of the request: HTTP/1.0 knows no chunks
  bool keep_alive = true;
  bool chunked() const { return minor_version >= 1; }
};

/// Status line and headers up to and with the empty line. Control characters in names and values
/// are left out: no value can start another header.
std::string format_head(const Head& head, const Framing& framing);

std::string_view reason_phrase(int status);

}  // namespace strata::net
