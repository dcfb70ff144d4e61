#include "serve/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "net/server.h"
#include "serve/load_stream.h"

namespace strata::serve {
namespace {

using nlohmann::json;

// numpy.quantile([1, 2, 4, 8, 16], [0, .5, .9, .99, 1])
TEST(LoadTest, QuantilesAreNumpys) {
  const std::vector<double> v = {1, 2, 4, 8, 16};
  EXPECT_DOUBLE_EQ(quantile(v, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(v, 0.5), 4);
  EXPECT_NEAR(quantile(v, 0.9), 12.8, 1e-12);
  EXPECT_NEAR(quantile(v, 0.99), 15.68, 1e-12);
  EXPECT_DOUBLE_EQ(quantile(v, 1), 16);
  EXPECT_DOUBLE_EQ(quantile({3}, 0.99), 3);
}

TEST(LoadTest, DistributionSortsAndTakesNone) {
  const Distribution d = distribution({16, 1, 8, 2, 4});
  EXPECT_DOUBLE_EQ(d.mean, 6.2);
  EXPECT_DOUBLE_EQ(d.p50, 4);
  EXPECT_DOUBLE_EQ(d.max, 16);
  EXPECT_EQ(distribution({}).max, 0);
}

TEST(LoadStream, EventsInPieces) {
  const std::string text =
      "data: {\"choices\":[{\"text\":\"\",\"index\":0}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"text\": \"a\"}],\"usage\":null}\r\n\r\n"
      ": comment\n\n"
      "data: {\"choices\":[{\"text\":\"\\\"b\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\n"
      "data: [DONE]\n\n";
  for (size_t piece : {size_t{1}, size_t{7}, text.size()}) {
    LoadStream s;
    for (size_t at = 0; at < text.size(); at += piece)
      s.push(std::string_view(text).substr(at, piece), static_cast<double>(at));
    EXPECT_EQ(s.text_times().size(), 2u);
    EXPECT_EQ(s.prompt_tokens(), 7);
    EXPECT_EQ(s.output_tokens(), 5);
    EXPECT_EQ(s.error(), "");
  }
}

TEST(LoadStream, CutAndFailedStreamsAreErrors) {
  LoadStream cut;
  cut.push("data: {\"choices\":[{\"text\":\"a\"}]}\n\n", 0);
  EXPECT_NE(cut.error(), "");
  EXPECT_EQ(cut.output_tokens(), 1);
  LoadStream failed;
  failed.push("data: {\"error\": {\"message\":\"full\"}}\n\ndata: [DONE]\n\n", 0);
  EXPECT_NE(failed.error().find("full"), std::string::npos);
}

/// Counts words + 3 as the tokens of a prompt; every 5th request fails if told so.
struct StandIn {
  net::Server server{net::ServerOptions{}};
  std::mutex mutex;
  std::vector<int> prompt_tokens;
  std::set<std::string> prompts;
  bool flaky = false;

  StandIn() {
    server.route("POST", "/v1/completions", [this](auto e) { answer(*e); });
    server.start();
  }
  ~StandIn() { server.stop(1); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }

  void answer(net::Exchange& e) {
    const json body = json::parse(e.request().body);
    EXPECT_EQ(body["ignore_eos"], true);
    EXPECT_EQ(e.request().header("authorization"), "Bearer k");
    const auto prompt = body["prompt"].get<std::string>();
    const int tokens = static_cast<int>(std::count(prompt.begin(), prompt.end(), ' ')) + 4;
    {
      std::lock_guard lock(mutex);
      prompts.insert(prompt);
      prompt_tokens.push_back(tokens);
      if (flaky && prompt_tokens.size() % 5 == 0)
        return e.reply(429, "application/json", "{\"error\":{\"message\":\"busy\"}}");
    }
    e.start(200, "text/event-stream");
    for (int i = 0; i < body["max_tokens"]; ++i)
      e.send("data: {\"choices\":[{\"text\":\"x\"}]}\n\n");
    const json usage = {{"prompt_tokens", tokens}, {"completion_tokens", body["max_tokens"]}};
    e.send("data: " + json{{"choices", json::array()}, {"usage", usage}}.dump() + "\n\n");
    e.send("data: [DONE]\n\n");
    e.end();
  }
};

LoadOptions options_for(const StandIn& s) {
  LoadOptions o;
  o.url = s.url() + "/v1/";
  o.api_key = "k";
  o.concurrency = {1, 4};
  o.prompt_tokens = 20;
  o.output_tokens = 6;
  o.requests = 10;
  return o;
}

TEST(LoadTest, LevelsCountTokensAndCalibratePrompts) {
  StandIn server;
  int seen = 0;
  const auto levels = run_load(options_for(server), [&](const LoadLevel&) { ++seen; });
  ASSERT_EQ(levels.size(), 2u);
  EXPECT_EQ(seen, 2);
  for (const LoadLevel& l : levels) {
    EXPECT_EQ(l.requests, 10);
    EXPECT_EQ(l.errors, 0) << l.first_error;
    EXPECT_EQ(l.output_tokens, 60);
    EXPECT_EQ(l.prompt_tokens, 200);
    EXPECT_GT(l.output_tok_s, 0);
    EXPECT_LE(l.ttft_ms.max, l.e2e_ms.max);
    EXPECT_LE(l.e2e_ms.p50, l.e2e_ms.p99);
  }
  EXPECT_EQ(server.prompts.size(), server.prompt_tokens.size());   // no prompt twice
}

TEST(LoadTest, FailedRequestsAreCountedApart) {
  StandIn server;
  server.flaky = true;
  LoadOptions o = options_for(server);
  o.concurrency = {2};
  const auto levels = run_load(o);
  EXPECT_EQ(levels[0].errors, 2);
  EXPECT_EQ(levels[0].output_tokens, 48);
  EXPECT_NE(levels[0].first_error.find("429"), std::string::npos);
}

TEST(LoadTest, OtherMachinesOnlyWhenAllowed) {
  LoadOptions o;
  for (const char* url : {"http://192.0.2.1:1", "http://127.example:1", "https://a.invalid"}) {
    o.url = url;
    try {
      run_load(o);
      ADD_FAILURE() << url;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::permission_denied) << url;
    }
  }
}

}  // namespace
}  // namespace strata::serve
