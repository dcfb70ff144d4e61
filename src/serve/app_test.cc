// The endpoints over HTTP, with a scripted engine.
#include "serve/app.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "net/testing/raw_client.h"
#include "serve/pages.h"
#include "serve/service.h"
#include "serve/testing/served_test.h"

namespace strata::serve {
namespace {

using fleet::testing::ScriptedBackend;
using testing::Answer;

class AppTest : public testing::ServedTest {};

TEST_F(AppTest, Embeddings) {
  start();
  const Answer one = post("/v1/embeddings", R"({"input":"abc"})");
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.json["object"], "list");
  EXPECT_EQ(one.json["data"][0]["object"], "embedding");
  EXPECT_EQ(one.json["data"][0]["embedding"], Json({256.0, 4.0}));   // with <s>
  EXPECT_EQ(one.json["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(one.json["usage"]["total_tokens"], 4);

  const Answer two = post("/v1/embeddings", R"({"input":[[7,8],[9]]})");
  EXPECT_EQ(two.json["data"][0]["embedding"], Json({7.0, 2.0}));
  EXPECT_EQ(two.json["data"][1]["index"], 1);
  EXPECT_EQ(two.json["data"][1]["embedding"], Json({9.0, 1.0}));
  EXPECT_EQ(post("/v1/embeddings", R"({"input":["a","bc"]})").json["data"].size(), 2u);
  EXPECT_EQ(post("/v1/embeddings", R"({"input":[5,6,7]})").json["data"][0]["embedding"],
            Json({5.0, 3.0}));

  // 3.0f, 4.0f in little endian; shortened to the first dimension and to length 1.
  const Answer base64 = post("/v1/embeddings", R"({"input":[3,3,3,3],"encoding_format":"base64"})");
  EXPECT_EQ(base64.json["data"][0]["embedding"], "AABAQAAAgEA=");
  EXPECT_EQ(
      post("/v1/embeddings", R"({"input":[3,3],"dimensions":1})").json["data"][0]["embedding"],
            Json({1.0}));
}

TEST_F(AppTest, EmbeddingsRefuseByField) {
  start();
  const auto param = [&](const std::string& body) {
    const Answer a = post("/v1/embeddings", body);
    EXPECT_EQ(a.status, 400) << body;
    return a.json["error"]["param"];
  };
  EXPECT_EQ(param("{}"), "input");
  EXPECT_EQ(param(R"({"input":[]})"), "input");
  EXPECT_EQ(param(R"({"input":[[]]})"), "input");
  EXPECT_EQ(param(R"({"input":[260]})"), "input");
  EXPECT_EQ(param(R"({"input":"a","dimensions":3})"), "dimensions");
  EXPECT_EQ(param(R"({"input":"a","dimensions":0})"), "dimensions");
  EXPECT_EQ(param(R"({"input":"a","encoding_format":"int8"})"), "encoding_format");
}

TEST_F(AppTest, ChatInOnePiece) {
  start({}, true, {"main", "alias"});
  const Answer a = chat(R"(,"model":"alias","n":2)");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(a.json["object"], "chat.completion");
  EXPECT_EQ(a.json["model"], "main");
  EXPECT_TRUE(a.json["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_TRUE(a.json["system_fingerprint"].is_string());
  EXPECT_GT(a.json["created"].get<int64_t>(), 1'600'000'000);
  ASSERT_EQ(a.json["choices"].size(), 2u);
  for (int i = 0; i < 2; ++i) {
    const Json& c = a.json["choices"][i];
    EXPECT_EQ(c["index"], i);
    EXPECT_EQ(c["message"]["role"], "assistant");
    EXPECT_EQ(c["message"]["content"], "hello");
    EXPECT_EQ(c["finish_reason"], "stop");
    EXPECT_TRUE(c["logprobs"].is_null());
  }
  // <s>[user]hi[assistant], and that twice five bytes and a stop token came back.
  EXPECT_EQ(a.json["usage"]["prompt_tokens"], 20);
  EXPECT_EQ(a.json["usage"]["completion_tokens"], 10);
  EXPECT_EQ(a.json["usage"]["total_tokens"], 30);
  EXPECT_EQ(a.json["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
  const auto seen = script->seen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].n, 2);
  EXPECT_EQ(seen[0].prompt[0], fleet::testing::bos);
  EXPECT_EQ(seen[0].prompt.size(), 20u);
}

TEST_F(AppTest, ChatStreams) {
  start();
  const Answer a = chat(R"(,"stream":true,"n":2,"stream_options":{"include_usage":true})");
  const auto list = events(a.body);
  std::string texts[2], finish[2];
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    EXPECT_EQ(list[i]["object"], "chat.completion.chunk");
    EXPECT_TRUE(list[i].at("usage").is_null());
    const Json& c = list[i]["choices"].at(0);
    const size_t index = c["index"];
    const Json& delta = c["delta"];
    if (texts[index].empty() && delta.contains("role")) EXPECT_EQ(delta["role"], "assistant");
    else EXPECT_FALSE(delta.contains("role"));
    EXPECT_TRUE(finish[index].empty()) << "after the finish";
    if (delta.contains("content")) texts[index] += delta["content"];
    if (c["finish_reason"].is_string()) finish[index] = c["finish_reason"];
    EXPECT_EQ(list[i]["id"], list[0]["id"]);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(texts[i], "hello");
    EXPECT_EQ(finish[i], "stop");
  }
  EXPECT_TRUE(list.back()["choices"].empty());
  EXPECT_EQ(list.back()["usage"]["completion_tokens"], 10);
  const auto r = send("POST", "/v1/chat/completions",
                      R"({"messages":[{"role":"user","content":"x"}],"stream":true})");
  EXPECT_TRUE(r.header("Content-Type").starts_with("text/event-stream"));
  EXPECT_EQ(r.header("Cache-Control"), "no-cache");
  for (const Json& e : events(r.body)) EXPECT_FALSE(e.contains("usage"));
}

TEST_F(AppTest, ContinuousUsage) {
  start();
  const auto list = events(
      text(
          R"(,"stream":true,"stream_options":{"continuous_usage_stats":true,"include_usage":true})")
          .body);
  EXPECT_EQ(list[0]["usage"]["completion_tokens"], 1);
  EXPECT_EQ(list.back()["usage"]["completion_tokens"], 5);
}

TEST_F(AppTest, StopStringEndsAcrossTokensAndTellsTheEngine) {
  backend->answer = "one two three";
  start();
  const Answer a = chat(R"(,"stop":["wo t"])");
  EXPECT_EQ(a.json["choices"][0]["message"]["content"], "one t");
  EXPECT_EQ(a.json["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(a.json["usage"]["completion_tokens"], 9);   // up to the stop string's last token
  EXPECT_EQ(script->n_finished, 1);
  const auto list = events(chat(R"(,"stop":"wo t","stream":true)").body);
  std::string streamed;
  for (const Json& e : list) streamed += e["choices"][0]["delta"].value("content", "");
  EXPECT_EQ(streamed, "one t");
  EXPECT_EQ(chat(R"(,"stop":"wo t","include_stop_str_in_output":true)")
                .json["choices"][0]["message"]["content"],
            "one two t");
}

TEST_F(AppTest, LengthAndCharactersInPieces) {
  backend->answer = "a\xC3\xA9\xE2\x82\xAC";   // a, e acute, euro sign: 1, 2 and 3 tokens
  start();
  EXPECT_EQ(chat().json["choices"][0]["message"]["content"], "a\xC3\xA9\xE2\x82\xAC");
  const Answer cut = chat(R"(,"max_tokens":2)");
  EXPECT_EQ(cut.json["choices"][0]["message"]["content"], "a\xEF\xBF\xBD");
  EXPECT_EQ(cut.json["choices"][0]["finish_reason"], "length");
  std::string streamed;
  for (const Json& e : events(chat(R"(,"stream":true)").body))
    streamed += e["choices"][0]["delta"].value("content", "");
  EXPECT_EQ(streamed, "a\xC3\xA9\xE2\x82\xAC");
}

TEST_F(AppTest, ChatLogprobs) {
  start();
  for (const char* more : {"", R"(,"stream":true)"}) {
    const Answer a = chat(std::string(R"(,"logprobs":true,"top_logprobs":2)") + more);
    Json content = Json::array();
    if (*more) {
      for (const Json& e : events(a.body))
        if (e["choices"][0]["logprobs"].is_object())
          for (const Json& t : e["choices"][0]["logprobs"]["content"]) content.push_back(t);
    } else {
      content = a.json["choices"][0]["logprobs"]["content"];
    }
    ASSERT_EQ(content.size(), 5u) << a.body;
    EXPECT_EQ(content[0]["token"], "h");
    EXPECT_EQ(content[0]["bytes"], Json::array({104}));
    EXPECT_DOUBLE_EQ(content[0]["logprob"], -0.5);
    ASSERT_EQ(content[0]["top_logprobs"].size(), 2u);
    EXPECT_EQ(content[0]["top_logprobs"][1]["token"], "B");
  }
  EXPECT_TRUE(chat(R"(,"logprobs":true)").json["choices"][0]["logprobs"]["content"][0]
                  ["top_logprobs"].empty());
}

TEST_F(AppTest, CompletionsEchoAndLogprobs) {
  start();
  const Answer a = text(R"(,"echo":true,"logprobs":1,"max_tokens":2)");
  const Json& c = a.json["choices"][0];
  EXPECT_EQ(c["text"], "hihe");
  EXPECT_EQ(c["finish_reason"], "length");
  const Json& l = c["logprobs"];
  EXPECT_EQ(l["tokens"], Json::parse(R"(["<s>","h","i","h","e"])"));
  EXPECT_EQ(l["text_offset"], Json::parse("[0,3,4,5,6]"));
  EXPECT_TRUE(l["token_logprobs"][0].is_null() && l["top_logprobs"][0].is_null());
  EXPECT_EQ(l["token_logprobs"][4], -0.5);
  EXPECT_EQ(l["top_logprobs"][4], Json::parse(R"({"A":0.0,"e":-0.5})"));
  EXPECT_EQ(script->seen()[0].prompt_logprobs, 1);
  std::string streamed;
  Json offsets = Json::array();
  for (const Json& e : events(text(R"(,"echo":true,"logprobs":0,"stream":true)").body)) {
    streamed += e["choices"][0]["text"];
    for (const Json& o : e["choices"][0]["logprobs"]["text_offset"]) offsets.push_back(o);
  }
  EXPECT_EQ(streamed, "hihello");
  EXPECT_EQ(offsets, Json::parse("[0,3,4,5,6,7,8,9]"));
}

TEST_F(AppTest, PromptLogprobsInTheFormOfVllm) {
  start();
  const Answer a = text(R"(,"prompt_logprobs":1,"max_tokens":1)");
  const Json& list = a.json["choices"][0]["prompt_logprobs"];
  ASSERT_EQ(list.size(), 3u);   // <s>, h, i
  EXPECT_TRUE(list[0].is_null());
  EXPECT_EQ(list[1]["104"]["logprob"], -0.5);
  EXPECT_EQ(list[1]["104"]["decoded_token"], "h");
  EXPECT_EQ(chat(R"(,"prompt_logprobs":0)").json["prompt_logprobs"][0], nullptr);
  EXPECT_FALSE(text().json["choices"][0].contains("prompt_logprobs"));
}

TEST_F(AppTest, StringsOfTheSamplerBecomeTokens) {
  start();
  EXPECT_EQ(text(R"(,"bad_words":["ab"],"dry_multiplier":1,"dry_sequence_breakers":["c"])").status,
            200);
  const engine::SamplingParams s = script->seen()[0].sampling;
  EXPECT_EQ(s.bad_words, (std::vector<std::vector<engine::Token>>{{'a', 'b'}, {' ', 'a', 'b'}}));
  EXPECT_EQ(s.dry_breakers, std::vector<engine::Token>{'c'});
}

TEST_F(AppTest, TheKeyIsTheTenant) {
  start({.keys = {{.name = "a", .key = "k1"}, {.name = "b", .key = "k2"}}});
  const std::string body = R"({"prompt":"hi"})";
  EXPECT_EQ(send("POST", "/v1/completions", body, {{"Authorization", "Bearer k2"}}).status, 200);
  EXPECT_EQ(send("POST", "/v1/completions", body, {{"Authorization", "Bearer k1"}}).status, 200);
  EXPECT_EQ(script->seen()[0].tenant, 2u);
  EXPECT_EQ(script->seen()[1].tenant, 1u);
}

TEST_F(AppTest, CompletionsOfManyPromptsInEveryForm) {
  start();
  EXPECT_EQ(text().json["choices"][0]["text"], "hello");
  const Answer a = post("/v1/completions", R"({"prompt":["a","b"],"n":2,"echo":true})");
  ASSERT_EQ(a.json["choices"].size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(a.json["choices"][i]["index"], i);
    EXPECT_EQ(a.json["choices"][i]["text"], i < 2 ? "ahello" : "bhello");
  }
  EXPECT_EQ(a.json["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(a.json["usage"]["completion_tokens"], 20);
  const Answer ids = post("/v1/completions", R"({"prompt":[[104,105],[106]],"echo":true})");
  EXPECT_EQ(ids.json["choices"][0]["text"], "hihello");
  EXPECT_EQ(ids.json["choices"][1]["text"], "jhello");
  EXPECT_EQ(script->seen().back().prompt, std::vector<engine::Token>{106});
  EXPECT_EQ(post("/v1/completions", R"({"prompt":[[]]})").status, 400);
}

TEST_F(AppTest, ErrorsHaveTheApisForm) {
  start();
  struct Case {
    std::string path, body;
    int status;
    const char *param, *code;
  };
  const std::string message = R"("messages":[{"role":"user","content":"hi"}])";
  for (const Case& c : {
           Case{"/v1/chat/completions", "{", 400, nullptr, nullptr},
           {"/v1/chat/completions", "{" + message + R"(,"temperature":"x"})", 400, "temperature",
            "invalid_type"},
           {"/v1/chat/completions", "{" + message + R"(,"model":"nope"})", 404, "model",
            "model_not_found"},
           {"/v1/chat/completions",
            R"({"messages":[{"role":"user","content":")" + std::string(200, 'x') + "\"}]}", 400,
            "messages", "context_length_exceeded"},
           {"/v1/completions", "{}", 400, "prompt", "missing_parameter"},
           {"/v1/nothing", "{}", 404, nullptr, "not_found"},
           {"/v1/models", "{}", 405, nullptr, "method_not_allowed"},
           {"/detokenize", R"({"tokens":[999]})", 400, "tokens", "invalid_value"},
           {"/tokenize", "{}", 400, "prompt", "missing_parameter"},
       }) {
    const Answer a = post(c.path, c.body);
    EXPECT_EQ(a.status, c.status) << a.body;
    const Json& e = a.json["error"];
    EXPECT_EQ(e["param"], c.param ? Json(c.param) : Json()) << a.body;
    EXPECT_EQ(e["code"], c.code ? Json(c.code) : Json()) << a.body;
    EXPECT_EQ(e["type"], "invalid_request_error");
    EXPECT_FALSE(e["message"].get<std::string>().empty());
  }
  EXPECT_NE(chat(R"(,"model":"nope")").body.find("nope"), std::string::npos);
}

TEST_F(AppTest, EngineErrors) {
  backend->refuse = Error(Code::resource_exhausted, "queue full");
  start();
  const auto r = send("POST", "/v1/completions", R"({"prompt":"hi"})");
  EXPECT_EQ(r.status, 429);
  EXPECT_EQ(r.header("Retry-After"), "1");
}

TEST_F(AppTest, FailuresWhileRunning) {
  backend->fail_with = "broken";
  start();
  const Answer a = text(R"(,"n":3)");
  EXPECT_EQ(a.status, 500);
  EXPECT_EQ(a.json["error"]["message"], "broken");
  const auto list = events(text(R"(,"n":3,"stream":true)").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["error"]["message"], "broken");
}

TEST_F(AppTest, NoChatTemplate) {
  start({}, false);
  const Answer a = chat();
  EXPECT_EQ(a.status, 400);
  EXPECT_EQ(a.json["error"]["code"], "chat_template_missing");
  EXPECT_NE(a.body.find("/v1/completions"), std::string::npos);
  EXPECT_EQ(text().status, 200);
}

TEST_F(AppTest, TemplateGetsWhatWasAsked) {
  start();
  auto prompt = [&](const std::string& body) {
    EXPECT_EQ(post("/v1/chat/completions", body).status, 200);
    return fleet::testing::ByteTokenizer().decode(script->seen().back().prompt, false);
  };
  EXPECT_EQ(prompt(R"({"messages":[{"role":"developer","content":"d"}]})"),
            "<s>[system]d[assistant]");
  EXPECT_EQ(prompt(R"({"messages":[{"role":"user","content":"u"}],"add_generation_prompt":false})"),
            "<s>[user]u");
  EXPECT_EQ(prompt(R"({"messages":[{"role":"user","content":"u"}],
                      "tools":[{"type":"function","function":{"name":"f"}}]})"),
            "<s>[user]u(tools)[assistant]");
  EXPECT_EQ(prompt(R"({"messages":[{"role":"user","content":"u"},
                      {"role":"assistant","content":"so "}],"continue_final_message":true})"),
            "<s>[user]u[assistant]so ");
}

TEST_F(AppTest, TokenizeAndDetokenize) {
  start();
  const Answer a = post("/tokenize", R"({"prompt":"hi","return_token_strs":true})");
  EXPECT_EQ(a.json["tokens"], Json::parse("[256,104,105]"));
  EXPECT_EQ(a.json["count"], 3);
  EXPECT_EQ(a.json["max_model_len"], 100);
  EXPECT_EQ(a.json["token_strs"], Json::parse(R"(["<s>","h","i"])"));
  EXPECT_EQ(post("/tokenize", R"({"prompt":"hi","add_special_tokens":false})").json["count"], 2);
  EXPECT_EQ(post("/tokenize", R"({"messages":[{"role":"user","content":"hi"}]})").json["count"],
            20);
  EXPECT_EQ(post("/detokenize", R"({"tokens":[256,104,105]})").json["prompt"], "<s>hi");
}

TEST_F(AppTest, HealthTurnsRedWhenAStepHangs) {
  start();
  EXPECT_EQ(send("GET", "/health").status, 200);
  script->step_age = 30;
  EXPECT_EQ(send("GET", "/health").status, 200);
  script->step_age = 61;
  EXPECT_EQ(send("GET", "/health").status, 503);
  script->step_age = 0;
  EXPECT_EQ(send("GET", "/health").status, 200);
}

TEST_F(AppTest, ModelsHealthVersionMetricsAndEndpoints) {
  start({}, true, {"org/main", "alias"});
  const Json models = Json::parse(send("GET", "/v1/models").body);
  ASSERT_EQ(models["data"].size(), 2u);
  EXPECT_EQ(models["data"][0]["id"], "org/main");
  EXPECT_EQ(models["data"][0]["max_model_len"], 100);
  EXPECT_EQ(Json::parse(send("GET", "/v1/models/org/main").body)["id"], "org/main");
  EXPECT_EQ(send("GET", "/v1/models/other").status, 404);
  EXPECT_EQ(send("GET", "/health").status, 200);
  EXPECT_TRUE(Json::parse(send("GET", "/version").body)["version"].is_string());
  text();
  chat(R"(,"temperature":9)");
  const auto metrics = send("GET", "/metrics");
  EXPECT_TRUE(metrics.header("Content-Type").starts_with("text/plain"));
  for (const char* line :
       {"vllm:num_requests_running{model_name=\"org/main\"} 0",
        "vllm:prompt_tokens_total{model_name=\"org/main\"} 42",
        "vllm:request_success_total{", "finished_reason=\"stop\"",
        "vllm:time_to_first_token_seconds_count{model_name=\"org/main\"} 1",
        "strata:request_errors_total{"})
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line << "\n" << metrics.body;
  EXPECT_NE(send("GET", "/endpoints").body.find("/v1/chat/completions"), std::string::npos);
}

TEST_F(AppTest, Pages) {
  start();
  if (page_files().empty()) {   // built without npm
    EXPECT_NE(send("GET", "/").body.find("built without its pages"), std::string::npos);
    return;
  }
  for (const PageFile& file : page_files()) {
    const std::string path(file.path);
    const auto plain = send("GET", path);
    EXPECT_EQ(plain.status, 200) << path;
    EXPECT_EQ(plain.header("Content-Type"), file.type);
    EXPECT_EQ(plain.header("Content-Encoding"), "");
    const auto packed = send("GET", path, "", {{"Accept-Encoding", "br, gzip"}});
    EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
    EXPECT_TRUE(packed.body == file.gzip) << path;
    EXPECT_LT(packed.body.size(), plain.body.size());
    // Nothing of the pages comes from another host.
    const std::string policy(plain.header("Content-Security-Policy"));
    EXPECT_TRUE(policy.starts_with("default-src 'none'")) << policy;
    EXPECT_EQ(policy.find("http"), std::string::npos) << policy;
    const auto again = send("GET", path, "", {{"If-None-Match", std::string(file.etag)}});
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(again.header("ETag"), file.etag);
  }
  EXPECT_EQ(send("GET", "/").header("Cache-Control"), "no-cache");
  for (const char* path : {"/assets/none.js", "/assets/..%2f..%2fetc%2fpasswd", "/assets/"})
    EXPECT_EQ(send("GET", path).status, 404) << path;
  size_t total = 0;
  for (const PageFile& file : page_files()) total += file.gzip.size();
  EXPECT_LT(total, 300'000u);
}

TEST_F(AppTest, ApiKeys) {
  start({.keys = {{.name = "a", .key = "k1"}, {.name = "b", .key = "k2"}}});
  for (const char* path : {"/v1/models", "/metrics", "/endpoints", "/unknown"}) {
    const auto r = send("GET", path);
    EXPECT_EQ(r.status, 401) << path;
    EXPECT_EQ(Json::parse(r.body)["error"]["code"], "invalid_api_key");
  }
  EXPECT_EQ(send("GET", "/health").status, 200);
  EXPECT_EQ(send("GET", "/version").status, 200);
  EXPECT_EQ(send("GET", "/").status, 200);
  for (const char* wrong : {"Bearer k3", "Bearer ", "k1", "Basic k1", "Bearer k1 "})
    EXPECT_NE(send("GET", "/v1/models", "", {{"Authorization", wrong}}).status == 200,
              std::string_view(wrong) != "Bearer k1 ") << wrong;
  for (const char* right : {"Bearer k1", "bearer k2"})
    EXPECT_EQ(send("GET", "/v1/models", "", {{"Authorization", right}}).status, 200) << right;
}

TEST_F(AppTest, CrossOrigin) {
  start({.keys = {{.name = "a", .key = "k"}}, .cors_origins = {"https://a.test"}});
  const net::Headers preflight = {{"Origin", "https://a.test"},
                                  {"Access-Control-Request-Method", "POST"},
                                  {"Access-Control-Request-Headers", "authorization"}};
  const auto r = send("OPTIONS", "/v1/chat/completions", "", preflight);
  EXPECT_EQ(r.status, 204);
  EXPECT_EQ(r.header("Access-Control-Allow-Origin"), "https://a.test");
  EXPECT_EQ(r.header("Access-Control-Allow-Headers"), "authorization");
  EXPECT_NE(r.header("Access-Control-Allow-Methods").find("POST"), std::string::npos);
  const auto other = send("GET", "/health", "", {{"Origin", "https://b.test"}});
  EXPECT_EQ(other.header("Access-Control-Allow-Origin"), "");
  // Errors carry the headers too, or the page could not read them.
  EXPECT_EQ(send("GET", "/v1/models", "", {{"Origin", "https://a.test"}})
                .header("Access-Control-Allow-Origin"),
            "https://a.test");
}

TEST_F(AppTest, CrossOriginForAll) {
  start();
  EXPECT_EQ(send("GET", "/health", "", {{"Origin", "https://b.test"}})
                .header("Access-Control-Allow-Origin"),
            "*");
}

TEST_F(AppTest, AClientThatGoesAwayCancels) {
  backend->hold = true;
  start();
  for (const bool stream : {false, true}) {
    const int before = *script->n_cancelled;
    net::testing::RawClient client(app->port());
    const std::string body =
        std::string(R"({"prompt":["a","b"],"stream":)") + (stream ? "true}" : "false}");
    client.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    ASSERT_TRUE(script->wait_for([&] { return script->stats().running == 2; }));
    if (stream) {
      ASSERT_TRUE(client.receive_until("\r\n\r\n"));
    }
    client.close();
    EXPECT_TRUE(script->wait_for([&] { return *script->n_cancelled == before + 2; }));
    EXPECT_TRUE(script->wait_for([&] { return script->stats().running == 0; }));
  }
}

TEST_F(AppTest, LongRequestsDoNotHoldOthersUp) {
  backend->max_model_len = 10'000'000;
  start();
  const std::string large(3'000'000, 'x');
  std::thread first([&] {
    EXPECT_EQ(post("/v1/completions", R"({"max_tokens":1,"prompt":")" + large + "\"}").status, 200);
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(send("GET", "/health").status, 200);
  first.join();
}

TEST_F(AppTest, StopFinishesRunningRequestsAndRefusesNewOnes) {
  backend->hold = true;
  start();
  Answer running{};
  std::thread client([&] { running = text(); });
  ASSERT_TRUE(script->wait_for([&] { return script->stats().running == 1; }));
  std::thread stopper([&] { app->stop(20); });
  ASSERT_TRUE(script->wait_for([&] { return send("GET", "/health").status == 503; }));
  const Answer refused = chat();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.json["error"]["code"], "service_unavailable");
  script->release();
  client.join();
  stopper.join();
  EXPECT_EQ(running.status, 200);
  EXPECT_EQ(running.json["choices"][0]["text"], "hello");
}

TEST_F(AppTest, StopEndsWhatDoesNotEndInTime) {
  backend->hold = true;
  start();
  net::testing::RawClient client(app->port());
  client.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n"
              "{\"prompt\":\"hi\"}");
  ASSERT_TRUE(script->wait_for([&] { return script->stats().running == 1; }));
  const auto n_cancelled = script->n_cancelled;
  app->stop(0.05);
  EXPECT_TRUE(client.receive_all());
  EXPECT_EQ(*n_cancelled, 1);
}

TEST(Api, EveryFileRegistersOne) {
  const char* source = std::getenv("STRATA_SOURCE");
  const std::filesystem::path folder =
      std::filesystem::path(source ? source : ".") / "src" / "serve" / "api";
  int n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    n_files +=
        entry.path().extension() == ".cc" && !entry.path().stem().string().ends_with("_test");
  EXPECT_EQ(Registry<Api>::count(), n_files);
}

}  // namespace
}  // namespace strata::serve
