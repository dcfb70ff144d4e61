// The served application: the HTTP server with all endpoints over a fleet of models.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/fleet.h"
#include "serve/keys.h"

namespace strata::serve {

struct AppOptions {
  std::string host = "127.0.0.1";
  int port = 8000;                           // 0: any free one
  std::vector<KeyOptions> keys = {};         // none: open to everybody
  bool allow_anonymous = false;              // without keys beyond this machine, too
  std::string state_folder = {};             // usage, responses, files, batches; empty: in memory
  std::string access_log = {};               // a JSON line a request: a file, "-" standard output
  std::string tls_certificate = {}, tls_key = {};   // PEM files; none: plain HTTP
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
  /// Errors: those of Keys and of the state folder.
  App(std::unique_ptr<fleet::Fleet> fleet, AppOptions options);
  ~App();   // stop(0)

  /// Errors: those of net::Server::start; permission_denied for an address beyond this machine
  /// without keys, unless that is allowed.
  void start();
  int port() const;
  /// Refuses new requests with 503, lets running ones finish for at most timeout_s, then ends them.
  void stop(double timeout_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::serve
