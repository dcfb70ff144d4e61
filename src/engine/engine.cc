#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/core.h"
#include "engine/executor.h"
#include "engine/kv/fingerprint.h"
#include "engine/validate.h"
#include "model/hub/library.h"

namespace strata::engine {

namespace {

/// Takes the values left to choose from what the executor can do.
std::unique_ptr<TierStore> make_tiers(const EngineOptions& options, std::string fingerprint,
                                      StepExecutor& executor) {
  if (!options.prefix_caching || (options.kv_ram_bytes == 0 && options.kv_disk_path.empty()) ||
      executor.n_state() > 0)
    return nullptr;
  return std::make_unique<TierStore>(TierOptions{.ram_bytes = options.kv_ram_bytes,
                                                 .disk_path = options.kv_disk_path,
                                                 .disk_bytes = options.kv_disk_bytes,
                                                 .model = std::move(fingerprint),
                                                 .block_pages = executor.kv().block_pages(),
                                                 .bare_pages = executor.kv().bare_pages()},
                                     executor);
}

CoreOptions settle(EngineOptions& options, const StepExecutor& executor, TierStore* tiers,
                   DraftModel* draft_model) {
  auto at_least_one = [](std::string_view flag, int value) {
    if (value < 1) fail(Code::invalid_argument, "{} must be at least 1, got {}", flag, value);
  };
  at_least_one("max_num_seqs", options.max_num_seqs);
  at_least_one("max_num_batched_tokens", options.max_num_batched_tokens);
  at_least_one("max_waiting", options.max_waiting);
  const int64_t capacity = executor.kv().positions();
  at_least_one("the number of positions that the KV pool holds",
               static_cast<int>(std::min<int64_t>(capacity, 1 << 30)));
  if (options.max_model_len <= 0)
    options.max_model_len = static_cast<int>(std::min<int64_t>(capacity, 1 << 30));
  if (options.max_model_len > capacity)
    fail(Code::resource_exhausted,
         "max_model_len {} needs more than the {} tokens that the KV pool holds: give it more "
         "memory (kv_bytes) or lower max_model_len", options.max_model_len, capacity);

  options.max_num_batched_tokens = std::min(options.max_num_batched_tokens, executor.max_tokens());
  int most = std::min(options.max_num_batched_tokens, executor.max_logits());
  if (options.max_num_seqs > most) {
    log::warn("max_num_seqs is cut from {} to {}, the token budget of a step", options.max_num_seqs,
              most);
    options.max_num_seqs = most;
  }
  if (const int states = executor.n_state(); states > 0) {
    // A quarter is left for snapshots of prefixes, where memory is short.
    const int sequences = std::max(1, states - (states + 3) / 4);
    if (options.max_num_seqs > sequences) {
      log::warn("max_num_seqs is cut from {} to {}: there is memory for {} recurrent states",
                options.max_num_seqs, sequences, states);
      options.max_num_seqs = sequences;
    }
  }
  at_least_one("num_scheduler_steps", options.num_scheduler_steps);
  return {.scheduler = {.kv = executor.kv(),
                        .n_state = executor.n_state(),
                        .max_num_seqs = options.max_num_seqs,
                        .max_num_batched_tokens = options.max_num_batched_tokens,
                        .max_logits = executor.max_logits(),
                        .prefix_caching = options.prefix_caching,
                        .itl_target_s = options.itl_target_ms / 1000},
          .policy = options.scheduling_policy,
          .multi_step = options.num_scheduler_steps,
          .speculation = options.speculation,
          .num_speculative_tokens = options.num_speculative_tokens,
          .draft_model = draft_model,
          .tiers = tiers,
          .now = options.now};
}

std::vector<Token> stop_tokens(const model::Model& model) {
  return model.tokenizer ? model.tokenizer->stop : std::vector<Token>{};
}

}  // namespace

struct Engine::Impl {
  struct Command {
    uint64_t id;
    int index;   // -1: the whole request is cancelled
  };

  Impl(std::shared_ptr<const model::Model> model, const EngineOptions& wanted)
      : model(std::move(model)), options(wanted), executor(make_executor(*this->model, options)),
        stop(stop_tokens(*this->model)),
        tiers(make_tiers(options, kv_fingerprint(*this->model, options), *executor)) {
    if (!options.draft_model.empty()) {
      draft = model::load(model::find_model(options.draft_model));
      use_draft(make_draft_executor(*draft, *this->model, options, executor->pool()));
    }
    start();
  }
  Impl(std::unique_ptr<StepExecutor> given, std::vector<Token> stop, const EngineOptions& wanted,
       std::unique_ptr<StepExecutor> drafting)
      : options(wanted), executor(std::move(given)), stop(std::move(stop)),
        tiers(make_tiers(options, "executor", *executor)) {
    if (drafting) use_draft(std::move(drafting));
    start();
  }
  ~Impl() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    thread.join();
  }

  void use_draft(std::unique_ptr<StepExecutor> given) {
    draft_executor = std::move(given);
    const int64_t most = std::min<int64_t>(draft_executor->kv().positions(), 1 << 30);
    draft_model = std::make_unique<DraftModel>(*draft_executor, executor->n_vocab(),
                                               static_cast<int>(most));
  }

  void start() {
    core.emplace(*executor, settle(options, *executor, tiers.get(), draft_model.get()));
    std::erase_if(stop, [&](Token t) { return t < 0 || t >= executor->n_vocab(); });
    limits.n_vocab = executor->n_vocab();
    limits.max_model_len = options.max_model_len;
    limits.max_num_seqs = options.max_num_seqs;
    published = core->stats();
    thread = std::thread([this] { loop(); });
  }

  uint64_t submit(Request request, OnEvent on_event) {
    validate(request, limits);
    uint64_t id;
    {
      std::lock_guard lock(mutex);
      check_open();
      id = ++last_id;
    }
    auto live = make_live(id, std::move(request), std::move(on_event), stop, options.max_model_len);
    {
      std::lock_guard lock(mutex);
      check_open();
      ++n_waiting;
      ++n_request;
      arrived.push_back(std::move(live));
    }
    wake.notify_one();
    return id;
  }

  void check_open() const {
    if (draining || stopping)
      fail(Code::unavailable, "the engine is shutting down and takes no more requests");
    if (n_waiting >= options.max_waiting)
      fail(Code::resource_exhausted, "{} requests are waiting already: try again later", n_waiting);
  }

  void command(Command c) {
    {
      std::lock_guard lock(mutex);
      commands.push_back(c);
    }
    wake.notify_one();
  }

  /// The lock is held for the exchange alone, never while a step runs.
  void loop() {
    std::vector<std::unique_ptr<LiveRequest>> in;
    std::vector<Command> todo;
    for (;;) {
      {
        std::unique_lock lock(mutex);
        publish();
        wake.wait(lock, [&] {
          return stopping || !arrived.empty() || !commands.empty() || !core->idle();
        });
        if (stopping) break;
        in.swap(arrived);
        todo.swap(commands);
      }
      for (auto& live : in) core->add(std::move(live));
      for (Command c : todo) c.index < 0 ? core->cancel(c.id) : core->finish(c.id, c.index);
      in.clear();
      todo.clear();
      if (core->idle()) continue;
      step_began.store(now_ns(), std::memory_order_relaxed);
      core->step();
      step_began.store(0, std::memory_order_relaxed);
    }
    for (auto& live : arrived) core->add(std::move(live));
    core->cancel_all();
    std::lock_guard lock(mutex);
    arrived.clear();
    publish();
  }

  void publish() {
    published = core->stats();
    n_waiting -= core->take_admitted();
    n_request -= core->take_ended();
    if (n_request == 0) drained.notify_all();
  }

  std::shared_ptr<const model::Model> model, draft;
  EngineOptions options;
  std::unique_ptr<StepExecutor> executor;
  std::vector<Token> stop;
  std::unique_ptr<TierStore> tiers;
  RequestLimits limits;
  std::unique_ptr<StepExecutor> draft_executor;
  std::unique_ptr<DraftModel> draft_model;
  std::optional<Core> core;   // the engine thread's alone

  mutable std::mutex mutex;
  std::condition_variable wake, drained;
  std::vector<std::unique_ptr<LiveRequest>> arrived;
  std::vector<Command> commands;
  EngineStats published;
  uint64_t last_id = 0;
  int n_waiting = 0, n_request = 0;   // accepted: not taken up yet; not ended yet
  bool draining = false, stopping = false;
  std::atomic<int64_t> step_began = 0;   // now_ns(); 0: no step is under way

  std::thread thread;
};

Engine::Engine(std::shared_ptr<const model::Model> model, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}

Engine::Engine(std::unique_ptr<StepExecutor> executor, std::vector<Token> stop,
               const EngineOptions& options, std::unique_ptr<StepExecutor> draft)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(stop), options,
                                   std::move(draft))) {}

Engine::~Engine() = default;

uint64_t Engine::submit(Request request, OnEvent on_event) {
  return impl_->submit(std::move(request), std::move(on_event));
}

void Engine::cancel(uint64_t id) { impl_->command({id, -1}); }

void Engine::finish(uint64_t id, int index) {
  if (index >= 0) impl_->command({id, index});
}

bool Engine::drain(double timeout_s) {
  constexpr double kLongest = 1e8;
  auto wait = std::chrono::duration<double>(std::clamp(timeout_s, 0.0, kLongest));
  std::unique_lock lock(impl_->mutex);
  impl_->draining = true;
  return impl_->drained.wait_for(lock, wait, [&] { return impl_->n_request == 0; });
}

const model::Model& Engine::model() const {
  STRATA_CHECK(impl_->model);
  return *impl_->model;
}

const EngineOptions& Engine::options() const { return impl_->options; }

double Engine::step_age_s() const {
  const int64_t began = impl_->step_began.load(std::memory_order_relaxed);
  return began == 0 ? 0 : double(now_ns() - began) * 1e-9;
}

EngineStats Engine::stats() const {
  std::lock_guard lock(impl_->mutex);
  EngineStats stats = impl_->published;
  stats.waiting += static_cast<int>(impl_->arrived.size());
  return stats;
}

}  // namespace strata::engine
