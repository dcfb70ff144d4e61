#include "serve/serve_metrics.h"

#include "base/arena.h"
#include "base/version.h"
#include "fleet/fleet.h"

namespace strata::serve {
namespace {

std::vector<double> latency_buckets() { return exponential_buckets(0.001, 1.7783, 20); }
std::vector<double> token_buckets() { return exponential_buckets(1, 2, 18); }

/// Adds what a total kept elsewhere has gained since it was seen last; it may have begun anew.
template <class Number>
void follow(const Counter& counter, Number seen, Number total) {
  counter.add(static_cast<double>(total >= seen ? total - seen : total));
}

}  // namespace

ModelMetrics::ModelMetrics(Metrics& metrics, const std::string& model_name)
    : metrics_(metrics),
      model_{{"model_name", model_name}},
      running_(metrics_.gauge("vllm:num_requests_running", "Sequences in the batch.", model_)),
      waiting_(metrics_.gauge("vllm:num_requests_waiting", "Sequences not yet admitted.", model_)),
      kv_usage_(metrics_.gauge("vllm:kv_cache_usage_perc",
                               "Share of the KV memory that sequences use, 0 to 1.", model_)),
      kv_total_(metrics_.gauge("strata:kv_blocks", "KV blocks by state.",
                               {model_[0], {"state", "total"}})),
      kv_used_(metrics_.gauge("strata:kv_blocks", "KV blocks by state.",
                              {model_[0], {"state", "used"}})),
      kv_cached_(metrics_.gauge("strata:kv_blocks", "KV blocks by state.",
                                {model_[0], {"state", "cached"}})),
      kv_bytes_total_(metrics_.gauge("strata:kv_bytes", "KV memory by state.",
                                     {model_[0], {"state", "total"}})),
      kv_bytes_used_(metrics_.gauge("strata:kv_bytes", "KV memory by state.",
                                    {model_[0], {"state", "used"}})),
      kv_bytes_cached_(metrics_.gauge("strata:kv_bytes", "KV memory by state.",
                                      {model_[0], {"state", "cached"}})),
      state_total_(metrics_.gauge("strata:state_slots", "Slots of recurrent state.",
                                  {model_[0], {"state", "total"}})),
      state_used_(metrics_.gauge("strata:state_slots", "Slots of recurrent state.",
                                 {model_[0], {"state", "used"}})),
      state_cached_(metrics_.gauge("strata:state_slots", "Slots of recurrent state.",
                                   {model_[0], {"state", "cached"}})),
      prompt_tokens_(metrics_.counter("vllm:prompt_tokens_total", "Prompt tokens.", model_)),
      generated_tokens_(
          metrics_.counter("vllm:generation_tokens_total", "Generated tokens.", model_)),
      prefix_queries_(metrics_.counter("vllm:prefix_cache_queries_total",
                                       "Prompt tokens looked up in the prefix cache.", model_)),
      prefix_hits_(metrics_.counter("vllm:prefix_cache_hits_total",
                                    "Prompt tokens found in the prefix cache.", model_)),
      preemptions_(metrics_.counter("vllm:num_preemptions_total",
                                    "Sequences put back because memory was short.", model_)),
      draft_tokens_(metrics_.counter("vllm:spec_decode_num_draft_tokens_total",
                                     "Tokens drafted.", model_)),
      accepted_tokens_(metrics_.counter("vllm:spec_decode_num_accepted_tokens_total",
                                        "Drafted tokens that were right.", model_)),
      step_seconds_(metrics_.counter("strata:step_seconds_total", "Time of whole steps.", model_)),
      compute_seconds_(metrics_.counter("strata:compute_seconds_total",
                                        "Time of steps inside the model.", model_)),
      steps_(metrics_.counter("strata:steps_total", "Steps of the engine.", model_)),
      first_token_(metrics_.histogram("vllm:time_to_first_token_seconds",
                                      "From the request's arrival to its first token.",
                                      latency_buckets(), model_)),
      inter_token_(metrics_.histogram("vllm:inter_token_latency_seconds",
                                      "Between two tokens of a sequence.", latency_buckets(),
                                      model_)),
      e2e_(metrics_.histogram("vllm:e2e_request_latency_seconds",
                              "From a request's arrival to its last token.", latency_buckets(),
                              model_)),
      request_prompt_(metrics_.histogram("vllm:request_prompt_tokens", "Prompt tokens a request.",
                                         token_buckets(), model_)),
      request_generated_(metrics_.histogram("vllm:request_generation_tokens",
                                            "Generated tokens a request.", token_buckets(),
                                            model_)) {}

void ModelMetrics::next_tokens(double seconds, int n) const {
  for (int i = 0; i < n; ++i) inter_token_.observe(seconds / n);
}

void ModelMetrics::finished(std::string_view reason, double seconds,
                            const engine::Usage& usage) const {
  metrics_.counter("vllm:request_success_total", "Requests that ended, by reason.",
                   {model_[0], {"finished_reason", std::string(reason)}})
      .add();
  e2e_.observe(seconds);
  request_prompt_.observe(usage.prompt_tokens);
  request_generated_.observe(usage.completion_tokens);
}

void ModelMetrics::update(const engine::EngineStats& s) {
  running_.set(s.running);
  waiting_.set(s.waiting);
  const double bytes = static_cast<double>(s.kv_bytes_total);
  kv_usage_.set(bytes > 0 ? static_cast<double>(s.kv_bytes_used) / bytes : 0);
  kv_bytes_total_.set(bytes);
  kv_bytes_used_.set(static_cast<double>(s.kv_bytes_used));
  kv_bytes_cached_.set(static_cast<double>(s.kv_bytes_cached));
  kv_total_.set(static_cast<double>(s.kv_blocks_total));
  kv_used_.set(static_cast<double>(s.kv_blocks_used));
  kv_cached_.set(static_cast<double>(s.kv_blocks_cached));
  const std::pair<const char*, uint64_t> tiers[] = {{"memory", s.tiers.ram_blocks},
                                                    {"disk", s.tiers.disk_blocks}};
  for (const auto& [tier, blocks] : tiers)
    metrics_.gauge("strata:kv_tier_blocks", "KV blocks beside the cache, by tier.",
                   {model_[0], {"tier", tier}})
        .set(static_cast<double>(blocks));
  state_total_.set(static_cast<double>(s.state_slots_total));
  state_used_.set(static_cast<double>(s.state_slots_used));
  state_cached_.set(static_cast<double>(s.state_slots_cached));
  follow(prompt_tokens_, seen_.prompt_tokens, s.prompt_tokens);
  follow(generated_tokens_, seen_.generated_tokens, s.generated_tokens);
  follow(prefix_queries_, seen_.prompt_tokens, s.prompt_tokens);
  follow(prefix_hits_, seen_.cached_tokens, s.cached_tokens);
  follow(preemptions_, seen_.preemptions, s.preemptions);
  follow(steps_, seen_.steps, s.steps);
  follow(draft_tokens_, seen_.draft_tokens, s.draft_tokens);
  follow(accepted_tokens_, seen_.accepted_tokens, s.accepted_tokens);
  follow(step_seconds_, seen_.step_seconds, s.step_seconds);
  follow(compute_seconds_, seen_.compute_seconds, s.compute_seconds);
  seen_ = s;
}

ServeMetrics::ServeMetrics(fleet::Fleet& fleet) : fleet_(fleet) {
  metrics_.before_text([this] { update(); });
  metrics_.gauge("strata:build_info", "1, labelled with what was built.",
                 {{"version", std::string(version())}, {"commit", std::string(commit())}})
      .set(1);
}

ModelMetrics& ServeMetrics::find(const std::string& model) {
  std::lock_guard lock(mutex_);
  auto& found = models_[model];
  if (!found) found = std::make_unique<ModelMetrics>(metrics_, model);
  return *found;
}

const ModelMetrics& ServeMetrics::of(const std::string& model) { return find(model); }

void ServeMetrics::refused(int status) {
  metrics_.counter("strata:request_errors_total", "Requests answered with an error.",
                   {{"status", std::to_string(status)}})
      .add();
}

void ServeMetrics::update() {
  std::map<std::string, engine::EngineStats> loaded;
  fleet_.each([&](fleet::Model& model) { loaded[model.card.name] = model.backend->stats(); });
  for (const auto& [name, stats] : loaded) find(name);
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, model] : models_) model->update(loaded[name]);
  }
  metrics_.gauge("strata:models_loaded", "Models in memory.")
      .set(static_cast<double>(loaded.size()));
  metrics_.gauge("strata:model_memory_bytes", "Planned bytes of the models in memory.")
      .set(static_cast<double>(fleet_.memory_used()));
  metrics_.gauge("strata:model_memory_limit_bytes", "Most that they may take; 0: no limit.")
      .set(static_cast<double>(fleet_.options().memory_bytes));
  metrics_.gauge("process_resident_memory_bytes", "Resident set of the process.")
      .set(static_cast<double>(memory_resident()));
}

std::string ServeMetrics::text() { return metrics_.text() + metrics().text(); }

}  // namespace strata::serve
