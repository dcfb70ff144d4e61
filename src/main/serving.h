// Serves models until a signal asks to stop.
#pragma once
#include <string>
#include <vector>

#include "engine/engine.h"
#include "fleet/fleet.h"
#include "kernel/kv.h"
#include "serve/app.h"

namespace strata {

struct ServingOptions {
  /// "MODEL" or "NAME=MODEL", where MODEL is a path or a name of the library. One alone is loaded
  /// at start and stays; several are loaded when asked for; none: those of the library.
  std::vector<std::string> models = {};
  std::vector<std::string> served_names = {};   // of the first model
  std::vector<std::string> pinned = {};         // names loaded at start that stay
  bool library = false;              // the library's models too
  fleet::Task task = fleet::Task::automatic;
  fleet::FleetOptions fleet = {};    // memory_bytes 0: nine tenths of what is free
  engine::EngineOptions engine = {};
  serve::AppOptions app = {};
  int block_size = kernel::kKvBlock; // the only one there is
  double shutdown_timeout_s = 60;    // running requests may finish for this long
};

/// Returns the exit status once SIGINT or SIGTERM came and running requests have ended (a second
/// signal ends them at once). Errors: those of loading and of binding the port.
int serve_until_stopped(const ServingOptions& options);

}  // namespace strata
