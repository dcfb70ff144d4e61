// Loads a model and serves it until a signal asks to stop.
#pragma once
#include <string>

#include "engine/engine.h"
#include "kernel/kv.h"
#include "serve/app.h"

namespace strata {

struct ServingOptions {
  std::string model;                 // path or name
  std::string task = {};             // "generate" or "embed"; empty: what the model is for
  engine::EngineOptions engine;
  serve::AppOptions app;
  int block_size = kernel::kKvBlock; // the only one there is
  double shutdown_timeout_s = 60;    // running requests may finish for this long
};

/// Returns the exit status once SIGINT or SIGTERM came and running requests have ended (a second
/// signal ends them at once). Errors: those of loading and of binding the port.
int serve_until_stopped(const ServingOptions& options);

}  // namespace strata
