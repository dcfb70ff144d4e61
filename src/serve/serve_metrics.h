// The measurements of serving, under vLLM's names so that dashboards made for it work.
#pragma once
#include <string>

#include "base/metric.h"
#include "engine/request.h"

namespace strata::serve {

class Backend;

class ServeMetrics {
 public:
  ServeMetrics(const Backend& backend, const std::string& model_name);

  void first_token(double seconds) const { first_token_.observe(seconds); }
  /// seconds since the tokens before, for n of them at once.
  void next_tokens(double seconds, int n) const;
  void finished(std::string_view reason, double seconds, const engine::Usage& usage);
  void refused(int status);   // a request answered with an error

  /// Prometheus text: these and the process's own (strata::metrics()).
  std::string text();

 private:
  void update();

  const Backend& backend_;
  const Labels model_;
  Metrics metrics_;
  Gauge running_, waiting_, kv_usage_, kv_total_, kv_used_, kv_cached_;
  Gauge state_total_, state_used_, state_cached_;
  Counter prompt_tokens_, generated_tokens_, prefix_queries_, prefix_hits_, preemptions_;
  Counter draft_tokens_, accepted_tokens_, step_seconds_, compute_seconds_, steps_;
  Histogram first_token_, inter_token_, e2e_, request_prompt_, request_generated_;
};

}  // namespace strata::serve
