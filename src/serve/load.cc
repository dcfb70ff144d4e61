#include "serve/load.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/client.h"
#include "serve/load_stream.h"

namespace strata::serve {
namespace {

using nlohmann::json;

constexpr int kCalibrations = 4;
constexpr size_t kErrorShown = 300;   // characters of a server's answer

// Common enough that byte-pair vocabularies hold each as one token.
constexpr std::array<std::string_view, 64> kWords = {
    "air", "apple", "arm", "baby", "back", "ball", "bank", "bed", "bird", "blood", "board",
    "body", "book", "box", "boy", "car", "cat", "city", "coast", "cold", "color", "cow",
    "dance", "day", "door", "dream", "earth", "east", "eye", "face", "farm", "fire", "fish",
    "floor", "food", "foot", "game", "garden", "girl", "glass", "gold", "hair", "hand", "hill",
    "horse", "house", "ice", "island", "king", "lake", "land", "light", "line", "moon", "music",
    "night", "ocean", "paper", "river", "road", "sea", "stone", "summer", "tree"};

std::string random_prompt(uint64_t seed, int words) {
  std::mt19937_64 random(seed);
  std::string text;
  for (int i = 0; i < words; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random() % kWords.size()];
  }
  return text;
}

bool is_this_machine(const std::string& host) {
  in_addr address;
  const bool v4 = inet_pton(AF_INET, host.c_str(), &address) == 1;
  return v4 ? ntohl(address.s_addr) >> 24 == 127 : host == "localhost" || host == "::1";
}

std::string completions_url(const LoadOptions& o) {
  std::string url = o.url;
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  const std::string host = net::parse_url(url).host;
  if (!o.allow_remote && !is_this_machine(host))
    fail(Code::permission_denied,
         "{} is not this machine: a load test is an attack on a server that does not expect it; "
         "--allow-remote runs it all the same", host);
  return url + "/v1/completions";
}

struct Outcome {
  std::string error;   // empty: it succeeded
  double sent_s = 0, done_s = 0;
  std::vector<double> text_s;
  int64_t prompt_tokens = 0, output_tokens = 0;
};

class Loader {
 public:
  explicit Loader(const LoadOptions& o)
      : o_(o), url_(completions_url(o)), words_(o.prompt_tokens),
        seed_(o.seed ? o.seed : std::random_device{}() | uint64_t{1} << 32) {}

  /// Finds how many words make prompt_tokens tokens; also warms the server up.
  void calibrate() {
    for (int i = 0; i < kCalibrations; ++i) {
      const Outcome r = send(random_prompt(next_seed(), words_), 1);
      if (!r.error.empty()) fail(Code::unavailable, "{}: {}", url_, r.error);
      const int64_t off = o_.prompt_tokens - r.prompt_tokens;
      if (r.prompt_tokens == 0 || off == 0) return;
      words_ = std::max<int>(1, words_ + static_cast<int>(off));
    }
  }

  LoadLevel run(int concurrency) {
    const int requests = std::max(o_.requests > 0 ? o_.requests : 2 * concurrency, concurrency);
    std::vector<Outcome> outcomes(static_cast<size_t>(requests));
    std::vector<std::string> prompts;
    for (int i = 0; i < requests; ++i) prompts.push_back(random_prompt(next_seed(), words_));
    std::atomic<size_t> next = 0;
    std::vector<std::thread> streams;
    for (int s = 0; s < concurrency; ++s)
      streams.emplace_back([&] {
        for (size_t i; (i = next++) < prompts.size();)
          outcomes[i] = send(prompts[i], o_.output_tokens);
      });
    for (std::thread& t : streams) t.join();
    return summarise(concurrency, outcomes);
  }

 private:
  uint64_t next_seed() { return seed_++; }

  std::string body(const std::string& prompt, int tokens) const {
    json j = {{"prompt", prompt}, {"max_tokens", tokens}, {"temperature", 0}, {"ignore_eos", true},
              {"stream", true}, {"stream_options", {{"include_usage", true}}}};
    if (!o_.model.empty()) j["model"] = o_.model;
    return j.dump();
  }

  Outcome send(const std::string& prompt, int tokens) const {
    Outcome out;
    LoadStream stream;
    net::ClientRequest request;
    request.method = "POST";
    request.url = url_;
    request.body = body(prompt, tokens);
    request.timeout_s = o_.timeout_s;
    request.max_redirects = 0;
    request.headers = {{"Content-Type", "application/json"}};
    if (!o_.api_key.empty()) request.headers.emplace_back("Authorization", "Bearer " + o_.api_key);
    request.on_chunk = [&](std::string_view bytes) { return stream.push(bytes, now_s()), true; };
    out.sent_s = now_s();
    try {
      const net::ClientResponse r = net::fetch(request);
      if (r.status != 200)
        out.error = fmt::format("status {}: {}", r.status, r.body.substr(0, kErrorShown));
      else
        out.error = stream.error();
    } catch (const Error& e) {
      out.error = e.what();
    }
    out.done_s = now_s();
    out.text_s = stream.text_times();
    out.prompt_tokens = stream.prompt_tokens();
    out.output_tokens = stream.output_tokens();
    return out;
  }

  static LoadLevel summarise(int concurrency, const std::vector<Outcome>& outcomes) {
    LoadLevel level;
    level.concurrency = concurrency;
    level.requests = static_cast<int>(outcomes.size());
    std::vector<double> ttft, itl, e2e;
    double first = INFINITY, last = -INFINITY;
    for (const Outcome& o : outcomes) {
      first = std::min(first, o.sent_s);
      last = std::max(last, o.done_s);
      if (!o.error.empty()) {
        if (level.errors++ == 0) level.first_error = o.error;
        continue;
      }
      level.prompt_tokens += o.prompt_tokens;
      level.output_tokens += o.output_tokens;
      e2e.push_back((o.done_s - o.sent_s) * 1e3);
      if (!o.text_s.empty()) ttft.push_back((o.text_s.front() - o.sent_s) * 1e3);
      for (size_t i = 1; i < o.text_s.size(); ++i)
        itl.push_back((o.text_s[i] - o.text_s[i - 1]) * 1e3);
    }
    level.seconds = last - first;
    if (level.seconds > 0)
      level.output_tok_s = static_cast<double>(level.output_tokens) / level.seconds;
    level.ttft_ms = distribution(std::move(ttft));
    level.itl_ms = distribution(std::move(itl));
    level.e2e_ms = distribution(std::move(e2e));
    return level;
  }

  const LoadOptions& o_;
  const std::string url_;
  int words_;
  uint64_t seed_;
};

void check_range(std::string_view what, int value, int least, int most) {
  if (value < least || value > most)
    fail(Code::invalid_argument, "{} must lie between {} and {}, not {}", what, least, most, value);
}

}  // namespace

double quantile(const std::vector<double>& sorted, double p) {
  STRATA_CHECK(!sorted.empty() && p >= 0 && p <= 1);
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

Distribution distribution(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  double sum = 0;
  for (double s : samples) sum += s;
  return {.mean = sum / static_cast<double>(samples.size()),
          .p50 = quantile(samples, 0.5),
          .p90 = quantile(samples, 0.9),
          .p99 = quantile(samples, 0.99),
          .max = samples.back()};
}

std::vector<LoadLevel> run_load(const LoadOptions& o,
                                const std::function<void(const LoadLevel&)>& on_level) {
  for (int c : o.concurrency) check_range("concurrency", c, 1, load_max::kStreams);
  check_range("prompt_tokens", o.prompt_tokens, 1, load_max::kTokens);
  check_range("output_tokens", o.output_tokens, 1, load_max::kTokens);
  check_range("requests", o.requests, 0, load_max::kRequests);
  Loader loader(o);
  loader.calibrate();
  std::vector<LoadLevel> levels;
  for (int c : o.concurrency) {
    levels.push_back(loader.run(c));
    if (on_level) on_level(levels.back());
  }
  return levels;
}

}  // namespace strata::serve
