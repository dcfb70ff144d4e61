// The models of one process: loaded when first asked for, unloaded when idle or when another needs
// their memory, never more at once than the memory given to them holds.
//
// All public methods may be called from any thread.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "fleet/model.h"
#include "fleet/opener.h"

namespace strata::fleet {

struct FleetOptions {
  size_t memory_bytes = 0;       // of all loaded models together; 0: no limit but the machine's
  double keep_alive_s = 300;     // of models that say nothing; negative: for ever
  int max_waiting = 4096;        // requests waiting for models to be loaded
  /// Models that appear while serving (a library); called when a name is unknown and for lists.
  std::function<std::vector<ModelSpec>()> discover = {};
};

enum class Phase { cold, loading, ready, leaving };
std::string_view name(Phase);

/// What is known of a model at one moment.
struct ModelState {
  ModelSpec spec;
  Phase phase = Phase::cold;
  double progress = 0;            // of loading, 0 to 1
  size_t bytes = 0;               // while loaded
  int users = 0, waiting = 0;     // leases; requests that wait for it
  double expires_in_s = -1;       // idle time left; negative: it stays
  int loads = 0;                  // since the start
  int64_t loaded_at = 0;          // Unix time
  std::optional<Backend::Info> info = {};   // once loaded
};

class Fleet {
 public:
  Fleet(std::vector<ModelSpec> specs, Opener opener, FleetOptions options);
  /// One model that is loaded already and stays.
  Fleet(std::vector<std::string> names, std::unique_ptr<Backend> backend);
  ~Fleet();   // ends what runs

  /// A lease, or null and the reason.
  using OnLease = std::function<void(Lease lease, const Error* error)>;
  /// The lease at once if the model is ready; else null, and `later` is called from the loading
  /// thread: it must only hand on. An empty name is the pinned model listed first, or the only one.
  /// Errors: not_found, reason "model_not_found"; invalid_argument when no model is named and there
  /// is no such one; resource_exhausted (too many wait); unavailable (draining).
  Lease acquire(std::string_view name, OnLease later);
  /// The same, waiting. Errors: also those of loading.
  Lease wait_for(std::string_view name);

  /// Loads the pinned models. Errors: those of loading the first that fails.
  void load_pinned();
  /// Lets requests under way finish, then unloads. Not pinned models only. Errors: as acquire.
  void unload(std::string_view name);
  /// How long the model stays once idle, from now on. Errors: as acquire.
  void keep_alive(std::string_view name, double seconds);

  /// Adds a model, or replaces one that is cold. Errors: already_exists when it is in use.
  void add(ModelSpec spec);
  /// Forgets a model, unloading it first. Errors: as acquire; permission_denied for a pinned one.
  void remove(std::string_view name);

  std::vector<ModelState> list();
  ModelState state(std::string_view name);   // Errors: as acquire
  /// Calls fn with every ready model, which stays during the call.
  void each(const std::function<void(Model&)>& fn);
  size_t memory_used() const;
  const FleetOptions& options() const;

  /// Refuses new leases, lets what runs finish. True: everything has ended.
  bool drain(double timeout_s);

 private:
  struct Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace strata::fleet
