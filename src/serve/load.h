// Load on any server of the OpenAI API: a number of streams, each sending its next request when the
// last one ended (closed loop).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace strata::serve {

struct LoadOptions {
  std::string url;                      // "http://127.0.0.1:8080", with or without "/v1"
  std::string model, api_key;
  std::vector<int> concurrency = {1};   // one level each, in this order
  int prompt_tokens = 256, output_tokens = 256;
  int requests = 0;                     // a level; at least one a stream; 0: two a stream
  uint64_t seed = 0;                    // of the prompts; 0: another each time
  double timeout_s = 600;               // without any byte arriving
  bool allow_remote = false;            // else only this machine may be loaded
};

namespace load_max {
inline constexpr int kStreams = 1024, kTokens = 1 << 20, kRequests = 1 << 20;
}

/// Milliseconds. All zero without samples.
struct Distribution {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};
Distribution distribution(std::vector<double> samples);
/// The p-quantile, p in [0, 1], linear between order statistics (Hyndman and Fan, type 7).
/// Requires `sorted` ascending and not empty.
double quantile(const std::vector<double>& sorted, double p);

struct LoadLevel {
  int concurrency = 0, requests = 0, errors = 0;
  double seconds = 0;                   // from the first request to the end of the last
  int64_t prompt_tokens = 0, output_tokens = 0;   // of the requests that succeeded, as usage says
  double output_tok_s = 0;
  Distribution ttft_ms;                 // request sent to first text
  Distribution itl_ms;                  // between chunks with text
  Distribution e2e_ms;
  std::string first_error;
};

/// Prompts are random words, different for each request so that no prefix cache helps, as many as
/// make prompt_tokens by the server's own count. Output is not cut short (ignore_eos, a vLLM
/// extension). One thread a stream. `on_level` sees each level when it ends.
/// Errors: permission_denied for another machine without allow_remote; unavailable when not even a
/// first request succeeds, with what the server said; invalid_argument.
std::vector<LoadLevel> run_load(const LoadOptions& options,
                                const std::function<void(const LoadLevel&)>& on_level = {});

}  // namespace strata::serve
