// Serves models until a signal asks to stop.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "fleet/fleet.h"
#include "kernel/kv.h"
#include "serve/app.h"

namespace strata {

/// A model with settings of its own; what is not set is as for all.
struct ModelEntry {
  std::string name = {}, model = {};   // model: path or name of the library
  std::vector<std::string> aliases = {};
  bool pin = false;
  fleet::Task task = fleet::Task::automatic;
  std::optional<double> keep_alive_s = {};
  int max_model_len = 0, max_num_seqs = 0;
  size_t kv_bytes = 0;
  std::string kv_cache_dtype = {};
};

struct ServingOptions {
  /// "MODEL" or "NAME=MODEL", where MODEL is a path or a name of the library. One alone is loaded
  /// at start and stays; several are loaded when asked for; none: those of the library.
  std::vector<std::string> models = {};
  std::vector<ModelEntry> entries = {};         // more of them, from a configuration file
  std::vector<std::string> served_names = {};   // of the first model
  std::vector<std::string> pinned = {};         // names loaded at start that stay
  bool library = false;              // the library's models too
  fleet::Task task = fleet::Task::automatic;
  fleet::FleetOptions fleet = {};    // memory_bytes 0: nine tenths of what is free
  engine::EngineOptions engine = {};
  std::vector<std::string> api_keys = {};   // of administrators without limits
  fleet::DialectNames dialect = {};  // of all models
  serve::AppOptions app = {};
  int block_size = kernel::kKvBlock; // the only one there is
  double shutdown_timeout_s = 60;    // running requests may finish for this long
};

/// Reads what serving needs but the weights: models run, keys are unambiguous, files are there.
/// Returns what there is, a line each. Errors: of the first thing that is wrong.
std::string check_serving(const ServingOptions& options);

/// Returns the exit status once SIGINT or SIGTERM came and running requests have ended (a second
/// signal ends them at once). Errors: those of loading and of binding the port.
int serve_until_stopped(const ServingOptions& options);

}  // namespace strata
