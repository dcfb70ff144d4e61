// The served application: the HTTP server with all endpoints over a fleet of models.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/fleet.h"

namespace strata::serve {

struct AppOptions {
  std::string host = "127.0.0.1";
  int port = 8000;                           // 0: any free one
  std::vector<std::string> api_keys = {};    // none: open to everybody
  std::vector<std::string> cors_origins = {"*"};   // "*": any; none: no CORS headers
  std::optional<float> temperature = {};     // for requests that give none; else 1
  int max_tokens = -1;                       // most tokens of an answer; -1: up to the context
  int io_threads = 0;                        // 0: as the machine has CPUs, 1 to 4
  int worker_threads = 1;                    // parse and tokenise long requests
  size_t max_body_bytes = 32u << 20;
  int max_connections = 4096;
  double watchdog_s = 60;                    // a step that takes longer turns /health red; 0: never
};

class App {
 public:
  App(std::unique_ptr<fleet::Fleet> fleet, AppOptions options);
  ~App();   // stop(0)

  /// Errors: those of net::Server::start.
  void start();
  int port() const;
  /// Refuses new requests with 503, lets running ones finish for at most timeout_s, then ends them.
  void stop(double timeout_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::serve
