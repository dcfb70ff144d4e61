// HTTP/1.1 server with server-sent events (Boost.Beast, coroutines; kept out of this header).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, path, query, body, remote;
  std::string id;   // the client's X-Request-Id if it is a plain word, else a random one
  Headers headers;
  /// First value of a header, name case-insensitive; empty if absent.
  std::string_view header(std::string_view name) const;
  std::vector<std::pair<std::string, std::string>> path_parameters;   // "/v1/models/{id}"
};

/// One request being answered. Thread-safe: a handler may keep it and answer from any thread, once.
/// Dropped unanswered it becomes a 500; dropped between start() and end() it breaks the connection,
/// so that a cut answer never looks complete.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  /// A whole response.
  virtual void reply(int status, std::string_view content_type, std::string body,
                     Headers headers = {}) = 0;
  /// Starts a chunked response; then any number of send(), then end().
  virtual void start(int status, std::string_view content_type, Headers headers = {}) = 0;
  virtual void send(std::string chunk) = 0;
  virtual void end() = 0;
  /// Called once if the client goes away before the response is complete (on an I/O thread; at once
  /// if it is already gone).
  virtual void on_disconnect(std::function<void()> callback) = 0;
  /// Bytes queued for this client and not yet written: backpressure.
  virtual size_t queued() const = 0;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;                        // 0: any free one
  int threads = 1;                     // I/O threads, never pinned to the compute cores
  size_t max_body_bytes = 64u << 20;   // 413 beyond
  size_t max_header_bytes = 64u << 10;
  int max_connections = 4096;          // 503 beyond
  size_t max_queued_bytes = 16u << 20; // a slower client is disconnected
  int idle_timeout_s = 120;            // keep-alive connection without a request
  int header_timeout_s = 30, body_timeout_s = 300;   // 408 beyond
  int write_timeout_s = 300;           // without the client taking a byte
  std::string tls_certificate = {};    // PEM files: the chain, the key; both or none (plain HTTP)
  std::string tls_key = {};
};

/// A request that was answered, or whose client went away before.
struct Outcome {
  int status = 0;                      // 499: the client went away
  size_t bytes = 0;                    // of the body
  double seconds = 0;                  // from the request's last byte to the answer's
};

class Server {
 public:
  explicit Server(const ServerOptions& options);
  ~Server();
  /// `path` may contain {name} segments and end with {name...}, which takes the rest of the path.
  /// HEAD is answered by the GET route. Unknown path: 404, wrong method: 405, as `error_body` says.
  void route(std::string_view method, std::string_view path, Handler handler);
  /// Body of errors the server itself answers (404, 405, 413, 400 ...) and of a strata::Error
  /// thrown by a handler: status, message, path (empty: unreadable) -> JSON.
  void on_error(std::function<std::string(int, std::string_view, std::string_view)> error_body);
  /// Runs for every request, before it is routed; returns false after having replied
  /// (authentication, CORS preflight).
  void before(std::function<bool(Exchange&)> filter);
  /// Adds headers to every response to a request that could be read (CORS).
  void decorate(std::function<void(const Request&, Headers&)> add_headers);

  /// Runs after every request that could be read, on an I/O thread.
  void after(std::function<void(const Request&, const Outcome&)> observe);

  /// Binds and starts the threads. Errors: unavailable (port in use), permission_denied,
  /// invalid_argument (unknown host, certificate or key).
  void start();
  int port() const;
  /// Runs fn on an I/O thread soon. After stop() it never runs.
  void post(std::function<void()> fn);
  /// Stops accepting, waits until running exchanges end or timeout_s passes, closes. Never from an
  /// I/O thread.
  void stop(double timeout_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::net
