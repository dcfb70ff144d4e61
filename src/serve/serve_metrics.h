// The measurements of serving, under vLLM's names so that dashboards made for it work.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/metric.h"
#include "engine/engine.h"

namespace strata::fleet {
class Fleet;
}

namespace strata::serve {

/// The series of one model. Thread-safe, but for update().
class ModelMetrics {
 public:
  ModelMetrics(Metrics& metrics, const std::string& model_name);

  void first_token(double seconds) const { first_token_.observe(seconds); }
  /// seconds since the tokens before, for n of them at once.
  void next_tokens(double seconds, int n) const;
  void finished(std::string_view reason, double seconds, const engine::Usage& usage) const;
  /// Brings gauges and counters up to date; what is unloaded has empty stats, and starts again at 0
  /// when it comes back.
  void update(const engine::EngineStats& stats);

 private:
  Metrics& metrics_;
  const Labels model_;
  engine::EngineStats seen_;
  Gauge running_, waiting_, kv_usage_, kv_total_, kv_used_, kv_cached_;
  Gauge kv_bytes_total_, kv_bytes_used_, kv_bytes_cached_;
  Gauge state_total_, state_used_, state_cached_;
  Counter prompt_tokens_, generated_tokens_, prefix_queries_, prefix_hits_, preemptions_;
  Counter draft_tokens_, accepted_tokens_, step_seconds_, compute_seconds_, steps_;
  Histogram first_token_, inter_token_, e2e_, request_prompt_, request_generated_;
};

class ServeMetrics {
 public:
  /// `fleet` must outlive the calls of text().
  explicit ServeMetrics(fleet::Fleet& fleet);

  /// Of a model by the name that its answers carry; stays valid.
  const ModelMetrics& of(const std::string& model);
  void refused(int status);   // a request answered with an error

  /// Prometheus text: these and the process's own (strata::metrics()).
  std::string text();

 private:
  ModelMetrics& find(const std::string& model);
  void update();

  fleet::Fleet& fleet_;
  Metrics metrics_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ModelMetrics>, std::less<>> models_;
};

}  // namespace strata::serve
