#include "fleet/fleet.h"

#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"

namespace strata::fleet {
namespace {

constexpr size_t max_names_in_message = 20;
constexpr std::string_view default_tag = ":latest";   // as Ollama's clients write names

using Seconds = std::chrono::duration<double>;

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::cold: return "cold";
    case Phase::loading: return "loading";
    case Phase::ready: return "ready";
    default: return "leaving";
  }
}

struct Fleet::Impl : std::enable_shared_from_this<Impl> {
  struct Entry {
    explicit Entry(ModelSpec s) : spec(std::move(s)) {}
    ModelSpec spec;
    Phase phase = Phase::cold;
    std::unique_ptr<Model> model;      // ready or leaving
    size_t bytes = 0;
    int users = 0, loads = 0;
    int64_t loaded_at = 0;
    double used_s = 0;                 // when the last lease ended
    double keep_alive_s = 0;
    bool removed = false;
    std::vector<OnLease> waiting;
    std::atomic<double> progress = 0;
    std::optional<Backend::Info> info;   // since the first loading

    bool answers_to(std::string_view name) const {
      auto has = [&](const auto& list) {
        return std::find(list.begin(), list.end(), name) != list.end();
      };
      return has(spec.names) || has(spec.aliases);
    }
    bool is_idle() const { return phase == Phase::ready && users == 0; }
    /// When it goes by itself; nothing: it stays.
    std::optional<double> expiry_s() const {
      if (!is_idle() || spec.pinned || keep_alive_s < 0) return std::nullopt;
      return used_s + keep_alive_s;
    }
  };
  using EntryPtr = std::shared_ptr<Entry>;

  Impl(Opener o, FleetOptions opts) : opener(std::move(o)), options(std::move(opts)) {}

  void start() {
    thread = std::thread([this] { loop(); });
  }

  void stop() {
    std::vector<OnLease> refused;
    {
      std::lock_guard lock(mutex);
      stopping = draining = true;
      refused = take_waiting();
    }
    refuse(refused, closed());
    changed.notify_all();
    if (thread.joinable()) thread.join();
    // Engines end their requests here, on this thread; their leases come back while they do.
    std::vector<std::unique_ptr<Model>> models;
    {
      std::lock_guard lock(mutex);
      for (const EntryPtr& e : entries)
        if (e->model) models.push_back(std::move(e->model));
    }
    models.clear();
  }

  static Error closed() {
    return Error(Code::unavailable, "the server is shutting down");
  }

  static void refuse(std::vector<OnLease>& waiting, const Error& error) {
    for (OnLease& later : waiting) later(nullptr, &error);
    waiting.clear();
  }

  std::vector<OnLease> take_waiting() {
    std::vector<OnLease> all;
    for (const EntryPtr& e : entries) {
      std::move(e->waiting.begin(), e->waiting.end(), std::back_inserter(all));
      e->waiting.clear();
    }
    n_waiting = 0;
    wanted.clear();
    return all;
  }

  // Names.

  EntryPtr find_locked(std::string_view name) const {
    for (const EntryPtr& e : entries)
      if (e->answers_to(name)) return e;
    return nullptr;
  }

  EntryPtr the_default() const {
    for (const EntryPtr& e : entries)
      if (e->spec.pinned) return e;
    return entries.size() == 1 ? entries.front() : nullptr;
  }

  [[noreturn]] void unknown(std::string_view name) const {
    std::vector<std::string> names;
    for (const EntryPtr& e : entries)
      names.insert(names.end(), e->spec.names.begin(), e->spec.names.end());
    const size_t more = names.size() - std::min(names.size(), max_names_in_message);
    names.resize(names.size() - more);
    std::string served = fmt::format("{}", fmt::join(names, ", "));
    if (more > 0) served += fmt::format(" and {} more", more);
    if (name.empty())
      throw Error(Code::invalid_argument,
                  fmt::format("'model' is required: several are served: {}", served),
                  "missing_parameter", "model");
    throw Error(Code::not_found,
                fmt::format("the model '{}' does not exist here; served: {}", name.substr(0, 200),
                            served.empty() ? "none" : served),
                "model_not_found", "model");
  }

  /// The lock is released while the library is looked through.
  EntryPtr find(std::string_view name, std::unique_lock<std::mutex>& lock) {
    for (bool again : {true, false}) {
      if (name.empty()) {
        if (EntryPtr e = the_default()) return e;
      } else {
        if (EntryPtr e = find_locked(name)) return e;
        if (name.ends_with(default_tag))
          if (EntryPtr e = find_locked(name.substr(0, name.size() - default_tag.size()))) return e;
      }
      if (again) discover(lock);
    }
    unknown(name);
  }

  void discover(std::unique_lock<std::mutex>& lock) {
    if (!options.discover) return;
    lock.unlock();
    std::vector<ModelSpec> found = options.discover();
    lock.lock();
    for (ModelSpec& spec : found)
      if (!find_locked(spec.name())) entries.push_back(std::make_shared<Entry>(std::move(spec)));
  }

  // Leases.

  /// A look at a model is no use of it: it does not make it stay longer.
  enum class Purpose { use, look };

  Lease lease_locked(const EntryPtr& entry, Purpose purpose = Purpose::use) {
    ++entry->users;
    return Lease(entry->model.get(), [self = shared_from_this(), entry, purpose](Model*) {
      {
        std::lock_guard lock(self->mutex);
        --entry->users;
        if (purpose == Purpose::use) entry->used_s = now_s();
      }
      self->changed.notify_all();
    });
  }

  Lease acquire(std::string_view name, OnLease later) {
    {
      std::unique_lock lock(mutex);
      if (draining) throw closed();
      const EntryPtr entry = find(name, lock);
      if (entry->phase == Phase::ready) return lease_locked(entry);
      if (n_waiting >= options.max_waiting)
        fail(Code::resource_exhausted, "{} requests wait for models to be loaded: try again later",
             n_waiting);
      ++n_waiting;
      entry->waiting.push_back(std::move(later));
      if (entry->phase == Phase::cold) want(entry);
    }
    changed.notify_all();
    return nullptr;
  }

  void want(const EntryPtr& entry) {
    if (std::find(wanted.begin(), wanted.end(), entry) == wanted.end()) wanted.push_back(entry);
  }

  // The loading thread.

  void loop() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (const EntryPtr gone = next_to_unload()) {
        unload(gone, lock);
      } else if (!wanted.empty()) {
        const EntryPtr entry = wanted.front();
        wanted.pop_front();
        load(entry, lock);
      } else if (const auto expiry = next_expiry()) {
        changed.wait_for(lock, Seconds(std::clamp(*expiry - now_s(), 0.0, 3600.0)));
      } else {
        changed.wait(lock);
      }
    }
  }

  EntryPtr next_to_unload() const {
    const double now = now_s();
    for (const EntryPtr& e : entries) {
      if (e->phase == Phase::leaving && e->users == 0) return e;
      if (const auto expiry = e->expiry_s(); expiry && *expiry <= now) return e;
    }
    return nullptr;
  }

  ModelState describe(const Entry& e) const {
    ModelState s{.spec = e.spec, .phase = e.phase, .progress = e.progress, .bytes = e.bytes};
    s.users = e.users;
    s.waiting = static_cast<int>(e.waiting.size());
    if (const auto expiry = e.expiry_s()) s.expires_in_s = std::max(0.0, *expiry - now_s());
    s.loads = e.loads;
    s.loaded_at = e.loaded_at;
    s.info = e.info;
    return s;
  }

  std::optional<double> next_expiry() const {
    std::optional<double> first;
    for (const EntryPtr& e : entries)
      if (const auto expiry = e->expiry_s(); expiry && (!first || *expiry < *first)) first = expiry;
    return first;
  }

  void unload(const EntryPtr& entry, std::unique_lock<std::mutex>& lock) {
    entry->phase = Phase::leaving;
    std::unique_ptr<Model> model = std::move(entry->model);
    lock.unlock();
    const std::string name = model->card.name;
    model.reset();
    // What the allocator keeps would count against the next model.
    malloc_trim(0);
    log::info("{} is unloaded", name);
    lock.lock();
    used_bytes -= std::exchange(entry->bytes, 0);
    entry->phase = Phase::cold;
    entry->progress = 0;
    if (entry->removed) {
      std::erase(entries, entry);
      if (entry->waiting.empty()) return;
      n_waiting -= static_cast<int>(entry->waiting.size());
      std::vector<OnLease> waiting = std::exchange(entry->waiting, {});
      lock.unlock();
      refuse(waiting, Error(Code::not_found, "the model was removed", "model_not_found", "model"));
      lock.lock();
    } else if (!entry->waiting.empty()) {
      want(entry);
    }
  }

  void load(const EntryPtr& entry, std::unique_lock<std::mutex>& lock) {
    entry->phase = Phase::loading;
    entry->progress = 0;
    lock.unlock();
    std::unique_ptr<Model> model;
    std::unique_ptr<OpenedModel> opened;
    std::optional<Error> error;
    size_t bytes = 0;
    try {
      opened = opener(entry->spec);
      bytes = opened->bytes();
      lock.lock();
      make_room(*entry, bytes, lock);
      lock.unlock();
      const double start = now_s();
      model = std::make_unique<Model>(
          entry->spec.name(), opened->load([&](double part) { entry->progress = part; }),
          entry->spec.dialect);
      log::info("{} is loaded after {:.2f} s, {} MiB", entry->spec.name(), now_s() - start,
                bytes >> 20);
    } catch (const Error& e) {
      error = e;
    } catch (const std::exception& e) {
      error.emplace(Code::internal, e.what());
    }
    opened.reset();
    if (!lock.owns_lock()) lock.lock();
    finish_loading(entry, std::move(model), error, lock);
  }

  void finish_loading(const EntryPtr& entry, std::unique_ptr<Model> model,
                      const std::optional<Error>& error, std::unique_lock<std::mutex>& lock) {
    n_waiting -= static_cast<int>(entry->waiting.size());
    std::vector<OnLease> waiting = std::exchange(entry->waiting, {});
    if (error) {
      used_bytes -= std::exchange(entry->bytes, 0);
      entry->phase = Phase::cold;
      if (entry->removed) std::erase(entries, entry);
      lock.unlock();
      log::error("{} cannot be loaded: {}", entry->spec.name(), error->what());
      refuse(waiting, *error);
      waiting.clear();
      lock.lock();
      return;
    }
    entry->info = model->backend->info();
    entry->model = std::move(model);
    entry->phase = entry->removed ? Phase::leaving : Phase::ready;
    entry->progress = 1;
    entry->loaded_at = unix_time_s();
    entry->used_s = now_s();
    entry->keep_alive_s = entry->spec.keep_alive_s.value_or(options.keep_alive_s);
    ++entry->loads;
    // All leases before the lock goes: nothing can make the model leave in between.
    std::vector<Lease> leases;
    for (size_t i = 0; i < waiting.size(); ++i) leases.push_back(lease_locked(entry));
    lock.unlock();
    for (size_t i = 0; i < waiting.size(); ++i) waiting[i](std::move(leases[i]), nullptr);
    waiting.clear();
    lock.lock();
  }

  /// Waits until `bytes` more fit and counts them: unloads idle models, the longest unused first,
  /// and where that is not enough asks the longest unused busy ones to leave.
  void make_room(Entry& entry, size_t bytes, std::unique_lock<std::mutex>& lock) {
    while (!stopping && options.memory_bytes > 0 && used_bytes + bytes > options.memory_bytes) {
      size_t pinned = 0, leaving = 0;
      EntryPtr idle, busy;
      for (const EntryPtr& e : entries) {
        if (!e->model) continue;
        if (e->spec.pinned) pinned += e->bytes;
        else if (e->phase == Phase::leaving && e->users == 0) idle = e;
        else if (e->phase == Phase::leaving) leaving += e->bytes;
        else if (e->is_idle() && (!idle || (idle->phase == Phase::ready &&
                                            e->used_s < idle->used_s))) idle = e;
        else if (e->users > 0 && (!busy || e->used_s < busy->used_s)) busy = e;
      }
      if (bytes + pinned > options.memory_bytes)
        fail(Code::resource_exhausted,
             "the model '{}' needs {} bytes; all models together may use {}, of which pinned ones "
             "hold {}: raise --model-memory or lower its --kv-cache-bytes or --max-model-len",
             entry.spec.name(), bytes, options.memory_bytes, pinned);
      if (idle) {
        unload(idle, lock);
      } else {
        if (busy && used_bytes - leaving + bytes > options.memory_bytes)
          busy->phase = Phase::leaving;
        changed.wait(lock);
      }
    }
    if (stopping) throw closed();
    used_bytes += bytes;
    entry.bytes = bytes;
  }

  const Opener opener;
  const FleetOptions options;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<EntryPtr> entries;
  std::deque<EntryPtr> wanted;      // cold models with requests, in the order of the first of them
  size_t used_bytes = 0;
  int n_waiting = 0;
  bool draining = false, stopping = false;
  std::thread thread;
};

Fleet::Fleet(std::vector<ModelSpec> specs, Opener opener, FleetOptions options)
    : impl_(std::make_shared<Impl>(std::move(opener), std::move(options))) {
  for (ModelSpec& spec : specs) add(std::move(spec));
  impl_->start();
}

Fleet::Fleet(std::vector<std::string> names, std::unique_ptr<Backend> backend)
    : impl_(std::make_shared<Impl>(Opener{}, FleetOptions{})) {
  const Backend::Info info = backend->info();
  ModelSpec spec{.names = std::move(names), .aliases = aliases_of(info.path), .path = info.path};
  spec.aliases.push_back(info.name);
  spec.pinned = true;
  if (spec.names.empty()) spec.names.push_back(info.name);
  auto entry = std::make_shared<Impl::Entry>(std::move(spec));
  entry->model = std::make_unique<Model>(entry->spec.name(), std::move(backend));
  entry->info = info;
  entry->phase = Phase::ready;
  entry->loads = 1;
  entry->loaded_at = unix_time_s();
  impl_->entries.push_back(std::move(entry));
  impl_->start();
}

Fleet::~Fleet() { impl_->stop(); }

Lease Fleet::acquire(std::string_view name, OnLease later) {
  return impl_->acquire(name, std::move(later));
}

Lease Fleet::wait_for(std::string_view name) {
  // The error is thrown by the thread that waits and shares nothing with the one that met it: what
  // exception_ptr and runtime_error count inside the C++ library, a thread sanitizer cannot see.
  struct Outcome {
    Lease lease;
    std::function<void()> fail;
  };
  auto promise = std::make_shared<std::promise<Outcome>>();
  auto future = promise->get_future();
  Lease lease = acquire(name, [promise](Lease given, const Error* error) {
    Outcome outcome{std::move(given), {}};
    if (error) {
      outcome.fail = [code = error->code(), what = std::string(error->what()),
                      reason = error->reason(), param = error->param()] {
        throw Error(code, what, reason, param);
      };
    }
    promise->set_value(std::move(outcome));
  });
  if (lease) return lease;
  Outcome outcome = future.get();
  if (outcome.fail) outcome.fail();
  return std::move(outcome.lease);
}

void Fleet::load_pinned() {
  std::vector<std::string> names;
  {
    std::lock_guard lock(impl_->mutex);
    for (const auto& e : impl_->entries)
      if (e->spec.pinned) names.push_back(e->spec.name());
  }
  for (const std::string& name : names) wait_for(name);
}

void Fleet::unload(std::string_view name) {
  {
    std::unique_lock lock(impl_->mutex);
    const auto entry = impl_->find(name, lock);
    if (entry->spec.pinned)
      fail(Code::permission_denied, "the model '{}' is pinned: it stays loaded",
           entry->spec.name());
    if (entry->phase == Phase::ready) entry->phase = Phase::leaving;
  }
  impl_->changed.notify_all();
}

void Fleet::keep_alive(std::string_view name, double seconds) {
  {
    std::unique_lock lock(impl_->mutex);
    impl_->find(name, lock)->keep_alive_s = seconds;
  }
  impl_->changed.notify_all();
}

void Fleet::add(ModelSpec spec) {
  if (spec.names.empty()) fail(Code::invalid_argument, "a model needs a name");
  std::lock_guard lock(impl_->mutex);
  for (const auto& e : impl_->entries) {
    const auto taken = std::find_if(spec.names.begin(), spec.names.end(),
                                    [&](const std::string& n) { return e->answers_to(n); });
    if (taken == spec.names.end()) continue;
    if (e->spec.name() != spec.name() || e->phase != Phase::cold)
      fail(Code::already_exists, "there is a model '{}' already", *taken);
    e->spec = std::move(spec);
    return;
  }
  impl_->entries.push_back(std::make_shared<Impl::Entry>(std::move(spec)));
}

void Fleet::remove(std::string_view name) {
  {
    std::unique_lock lock(impl_->mutex);
    const auto entry = impl_->find(name, lock);
    if (entry->spec.pinned)
      fail(Code::permission_denied, "the model '{}' is pinned: it stays", entry->spec.name());
    entry->removed = true;
    if (entry->phase == Phase::ready) entry->phase = Phase::leaving;
    if (entry->phase == Phase::cold) {
      // Not one that is about to be loaded: it goes when that is over.
      if (entry->waiting.empty()) std::erase(impl_->entries, entry);
    }
  }
  impl_->changed.notify_all();
}

std::vector<ModelState> Fleet::list() {
  std::unique_lock lock(impl_->mutex);
  impl_->discover(lock);
  std::vector<ModelState> all;
  for (const auto& e : impl_->entries) all.push_back(impl_->describe(*e));
  return all;
}

ModelState Fleet::state(std::string_view name) {
  std::unique_lock lock(impl_->mutex);
  return impl_->describe(*impl_->find(name, lock));
}

void Fleet::each(const std::function<void(Model&)>& fn) {
  std::vector<Lease> leases;
  {
    std::lock_guard lock(impl_->mutex);
    for (const auto& e : impl_->entries)
      if (e->model) leases.push_back(impl_->lease_locked(e, Impl::Purpose::look));
  }
  for (const Lease& lease : leases) fn(*lease);
}

size_t Fleet::memory_used() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->used_bytes;
}

const FleetOptions& Fleet::options() const { return impl_->options; }

bool Fleet::drain(double timeout_s) {
  std::vector<OnLease> refused;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->draining = true;
    refused = impl_->take_waiting();
  }
  Impl::refuse(refused, Impl::closed());
  const double end = now_s() + timeout_s;
  bool all = true;
  each([&](Model& model) { all = model.backend->drain(std::max(0.0, end - now_s())) && all; });
  return all;
}

}  // namespace strata::fleet
