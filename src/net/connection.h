// One accepted connection: reads requests, runs the handler, writes the responses in order.
// Private to net: pulls in Asio.
#pragma once
#include <atomic>
#include <memory>

#include "net/asio.h"
#include "net/response.h"
#include "net/router.h"
#include "net/server.h"
#include "net/stream.h"

namespace strata::net {

/// What the connections of one server share; constant while they run, but for `draining`.
struct Site {
  ServerOptions options;
  Router router;
  std::shared_ptr<ssl::context> tls;   // null: plain HTTP
  std::function<std::string(int, std::string_view, std::string_view)> error_body;
  std::function<bool(Exchange&)> before;
  std::function<void(const Request&, Headers&)> decorate;
  std::function<void(const Request&, const Outcome&)> after;
  std::atomic<bool> draining = false;   // every response is the last of its connection
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// Closes now if no request is being read or answered, else after the response. Any thread.
  virtual void drain() = 0;
  /// Closes now; a pending response is given up. Any thread.
  virtual void close() = 0;
};

/// Starts serving `socket`, whose executor must be a strand; on_end is called on it at the end.
/// `refuse`: answers 503 without reading a request. The connection keeps itself alive.
std::shared_ptr<Connection> serve_connection(tcp::socket socket, const Site& site, bool refuse,
                                             std::function<void()> on_end);

}  // namespace strata::net
