// The APIs beside OpenAI's older ones, over HTTP, with a scripted model that answers "hello".
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "serve/service.h"
#include "serve/testing/served_test.h"

namespace strata::serve {
namespace {

using testing::Answer;

/// Named server-sent events.
struct Event {
  std::string name;
  Json data;
};

std::vector<Event> named_events(const std::string& body) {
  std::vector<Event> list;
  for (size_t at = 0; at < body.size();) {
    const size_t line = body.find('\n', at), end = body.find("\n\n", at);
    EXPECT_EQ(body.compare(at, 7, "event: "), 0) << body.substr(at);
    EXPECT_EQ(body.compare(line + 1, 6, "data: "), 0) << body.substr(at);
    list.push_back({body.substr(at + 7, line - at - 7),
                    Json::parse(body.substr(line + 7, end - line - 7))});
    EXPECT_EQ(list.back().data["type"], list.back().name);
    at = end + 2;
  }
  return list;
}

std::vector<Json> lines(const std::string& body) {
  std::vector<Json> list;
  for (size_t at = 0; at < body.size();) {
    const size_t end = body.find('\n', at);
    list.push_back(Json::parse(body.substr(at, end - at)));
    at = end + 1;
  }
  return list;
}

class ApiTest : public testing::ServedTest {
 protected:
  Answer get(const std::string& path, net::Headers headers = {}) {
    const auto r = send("GET", path, {}, std::move(headers));
    return {r.status, r.body, Json::parse(r.body, nullptr, false)};
  }
  /// The prompt that the model got last.
  std::string prompt() {
    return fleet::testing::ByteTokenizer().decode(script->seen().back().prompt, false);
  }
};

const std::string messages_base =
    R"({"model":"scripted","max_tokens":20,"messages":[{"role":"user","content":"hi"}])";

TEST_F(ApiTest, AnthropicInOnePiece) {
  start();
  const Answer a = post("/v1/messages", messages_base + R"(,"system":"be brief"})");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(prompt(), "<s>[system]be brief[user]hi[assistant]");
  EXPECT_EQ(a.json["type"], "message");
  EXPECT_EQ(a.json["role"], "assistant");
  EXPECT_EQ(a.json["content"], Json::parse(R"([{"type":"text","text":"hello"}])"));
  EXPECT_EQ(a.json["stop_reason"], "end_turn");
  EXPECT_EQ(a.json["stop_sequence"], nullptr);
  EXPECT_EQ(a.json["usage"]["output_tokens"], 5);
  EXPECT_TRUE(a.json["id"].get<std::string>().starts_with("msg_"));
  const Answer stopped = post("/v1/messages", messages_base + R"(,"stop_sequences":["ll"]})");
  EXPECT_EQ(stopped.json["content"][0]["text"], "he");
  EXPECT_EQ(stopped.json["stop_reason"], "stop_sequence");
  EXPECT_EQ(stopped.json["stop_sequence"], "ll");
  EXPECT_EQ(post("/v1/messages", R"({"max_tokens":2,"messages":[{"role":"user","content":"x"}]})")
                .json["stop_reason"], "max_tokens");
}

TEST_F(ApiTest, AnthropicStreamed) {
  start();
  const auto list = named_events(post("/v1/messages", messages_base + R"(,"stream":true})").body);
  std::string text, order;
  for (const Event& e : list) {
    order += e.name.substr(0, e.name == "content_block_delta" ? 0 : e.name.size()) + " ";
    if (e.name == "content_block_delta") text += e.data["delta"]["text"].get<std::string>();
  }
  EXPECT_EQ(text, "hello");
  ASSERT_GE(list.size(), 6u);
  EXPECT_EQ(list[0].name, "message_start");
  EXPECT_EQ(list[0].data["message"]["usage"]["input_tokens"], 17);   // and three from the cache
  EXPECT_EQ(list[1].name, "content_block_start");
  EXPECT_EQ(list[list.size() - 3].name, "content_block_stop");
  EXPECT_EQ(list[list.size() - 2].data["delta"]["stop_reason"], "end_turn");
  EXPECT_EQ(list[list.size() - 2].data["usage"]["output_tokens"], 5);
  EXPECT_EQ(list.back().name, "message_stop");
}

TEST_F(ApiTest, AnthropicBlocksAndTools) {
  backend->max_model_len = 1000;
  start();
  const Answer a = post("/v1/messages", R"({"max_tokens":5,"tools":[{"name":"f","input_schema":{}}],
    "system":[{"type":"text","text":"s"}],
    "messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":[{"type":"text","text":"c"},
        {"type":"tool_use","id":"t","name":"f","input":{"x":1}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}]}]})");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(prompt(), "<s>[system]s[user]a\nb[assistant]c[tool]42(tools)[assistant]");
  EXPECT_EQ(post("/v1/messages/count_tokens", R"({"messages":[{"role":"user","content":"hi"}]})")
                .json["input_tokens"], 20);
}

TEST_F(ApiTest, AnthropicErrors) {
  start({.keys = {{.name = "a", .key = "k"}}});
  const auto unknown = send("POST", "/v1/messages", messages_base + "}", {{"x-api-key", "wrong"}});
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(Json::parse(unknown.body)["error"]["type"], "authentication_error");
  const net::Headers key = {{"x-api-key", "k"}};
  for (const char* body : {"{", "{}", R"({"messages":[]})", R"({"messages":[{"role":"user"}]})",
                           R"({"messages":[{"role":"user","content":"x"}]})",
                           R"({"max_tokens":1,"messages":[{"role":"tool","content":"x"}]})"}) {
    const auto r = send("POST", "/v1/messages", body, key);
    EXPECT_EQ(r.status, 400) << body;
    const Json json = Json::parse(r.body);
    EXPECT_EQ(json["type"], "error");
    EXPECT_EQ(json["error"]["type"], "invalid_request_error");
  }
  const auto none = send("POST", "/v1/messages", R"({"model":"no"})", key);
  EXPECT_EQ(Json::parse(none.body)["error"]["type"], "not_found_error");
  EXPECT_EQ(Json::parse(send("GET", "/v1/messages", "", key).body)["type"], "error");
}

TEST_F(ApiTest, OllamaChatAndGenerate) {
  start();
  const Answer a = post("/api/chat", R"({"model":"scripted:latest","stream":false,
      "messages":[{"role":"user","content":"hi"}],"options":{"num_predict":3,"seed":1}})");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(a.json["message"]["content"], "hel");
  EXPECT_EQ(a.json["done"], true);
  EXPECT_EQ(a.json["done_reason"], "length");
  EXPECT_EQ(a.json["eval_count"], 3);
  const auto streamed = lines(post("/api/generate", R"({"model":"scripted","prompt":"hi",
      "system":"s"})").body);
  EXPECT_EQ(prompt(), "<s>[system]s[user]hi[assistant]");
  std::string text;
  for (const Json& line : streamed) text += line["response"].get<std::string>();
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(streamed.back()["done"], true);
  EXPECT_EQ(streamed.back()["prompt_eval_count"], 29);
  EXPECT_EQ(streamed.front()["done"], false);
  EXPECT_EQ(post("/api/generate", R"({"prompt":"raw","raw":true,"stream":false})").status, 200);
  EXPECT_EQ(prompt(), "<s>raw");
  EXPECT_EQ(post("/api/generate", R"({"model":"scripted"})").json["done_reason"], "load");
}

TEST_F(ApiTest, OllamaErrorsAndModels) {
  start();
  EXPECT_TRUE(post("/api/chat", R"({"model":"no"})").json["error"].is_string());
  const Answer large = post("/api/chat", R"({"messages":[{"role":"user","content":"hi"}],
      "options":{"num_ctx":4096}})");
  EXPECT_EQ(large.status, 400);
  EXPECT_NE(large.json["error"].get<std::string>().find("num_ctx"), std::string::npos);
  EXPECT_EQ(post("/api/chat", R"({"keep_alive":"soon"})").status, 400);
  EXPECT_EQ(get("/api/tags").json["models"][0]["name"], "scripted");
  EXPECT_EQ(get("/api/ps").json["models"][0]["state"], "ready");
  EXPECT_TRUE(get("/api/version").json["version"].is_string());
  EXPECT_EQ(post("/api/show", R"({"model":"scripted"})").json["capabilities"][0], "embedding");
  for (const char* source : {"/etc/passwd", "../x", "http://127.0.0.1/x.gguf"})
    EXPECT_GE(post("/api/pull", std::string(R"({"model":")") + source + "\"}").status, 400)
        << source;
  EXPECT_EQ(send("DELETE", "/api/delete", R"({"model":"scripted"})").status, 403);
  EXPECT_EQ(send("DELETE", "/api/delete", R"({"model":"../../etc"})").status, 404);
  EXPECT_EQ(post("/api/embed", R"({"input":["ab","c"]})").json["embeddings"].size(), 2u);
  EXPECT_EQ(post("/api/embeddings", R"({"prompt":"ab"})").json["embedding"].size(), 2u);
}

TEST_F(ApiTest, ResponsesGoOnFromEarlierOnes) {
  start();
  const Answer first = post("/v1/responses", R"({"input":"hi","instructions":"x"})");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(prompt(), "<s>[system]x[user]hi[assistant]");
  EXPECT_EQ(first.json["status"], "completed");
  EXPECT_EQ(first.json["output"][0]["content"][0]["text"], "hello");
  EXPECT_EQ(first.json["usage"]["output_tokens"], 5);
  const auto id = first.json["id"].get<std::string>();
  const Answer second = post("/v1/responses", R"({"input":[{"role":"user","content":
      [{"type":"input_text","text":"and"}]}],"previous_response_id":")" + id + "\"}");
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(prompt(), "<s>[user]hi[assistant]hello[user]and[assistant]");
  EXPECT_EQ(get("/v1/responses/" + id).json, first.json);
  EXPECT_EQ(get("/v1/responses/" + id + "/input_items").json["data"][0]["content"], "hi");
  EXPECT_EQ(send("DELETE", "/v1/responses/" + id).status, 200);
  EXPECT_EQ(get("/v1/responses/" + id).status, 404);
  EXPECT_EQ(post("/v1/responses", R"({"input":"a","previous_response_id":"no"})").status, 404);
  const auto unkept =
      post("/v1/responses", R"({"input":"a","store":false})").json["id"].get<std::string>();
  EXPECT_EQ(get("/v1/responses/" + unkept).status, 404);
}

TEST_F(ApiTest, ResponsesStreamed) {
  start();
  const auto list = named_events(post("/v1/responses", R"({"input":"hi","stream":true})").body);
  ASSERT_GE(list.size(), 9u);
  std::string text;
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i].data["sequence_number"], i);
    if (list[i].name == "response.output_text.delta")
      text += list[i].data["delta"].get<std::string>();
  }
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(list.front().name, "response.created");
  EXPECT_EQ(list.back().name, "response.completed");
  EXPECT_EQ(list.back().data["response"]["output"][0]["content"][0]["text"], "hello");
}

TEST_F(ApiTest, ResponsesAreTheirOwnersAlone) {
  start({.keys = {{.name = "a", .key = "ka"}, {.name = "b", .key = "kb"}}});
  const auto as = [](const char* key) {
    return net::Headers{{"Authorization", std::string("Bearer ") + key}};
  };
  const auto kept = send("POST", "/v1/responses", R"({"input":"hi"})", as("ka"));
  const auto id = Json::parse(kept.body)["id"].get<std::string>();
  EXPECT_EQ(send("GET", "/v1/responses/" + id, "", as("ka")).status, 200);
  EXPECT_EQ(send("GET", "/v1/responses/" + id, "", as("kb")).status, 404);
}

TEST_F(ApiTest, RerankAndScore) {
  start();
  // Vectors are (first token, length): <s> for all.
  const Answer a = post("/v1/rerank", R"({"query":"q","documents":["a","bbb",{"text":"cc"}],
      "top_n":2})");
  ASSERT_EQ(a.status, 200) << a.body;
  ASSERT_EQ(a.json["results"].size(), 2u);
  EXPECT_EQ(a.json["results"][0]["index"], 1);
  EXPECT_EQ(a.json["results"][0]["document"]["text"], "bbb");
  EXPECT_GE(a.json["results"][0]["relevance_score"], a.json["results"][1]["relevance_score"]);
  const Answer s = post("/v1/score", R"({"text_1":"q","text_2":["a","bb"]})");
  EXPECT_EQ(s.json["data"].size(), 2u);
  EXPECT_EQ(post("/v1/score", R"({"text_1":["a","b"],"text_2":["c"]})").status, 400);
  EXPECT_EQ(post("/rerank", R"({"query":"q"})").json["error"]["param"], "documents");
}

TEST_F(ApiTest, ApplyTemplate) {
  start();
  EXPECT_EQ(post("/apply-template", R"({"messages":[{"role":"user","content":"hi"}]})")
                .json["prompt"], "<s>[user]hi[assistant]");
}

TEST_F(ApiTest, QuotasAndUsage) {
  start({.keys = {{.name = "small", .key = "s", .tokens_per_day = 40},
                  {.name = "boss", .key = "b", .role = Role::admin}}});
  const net::Headers small = {{"Authorization", "Bearer s"}}, boss = {{"x-api-key", "b"}};
  const std::string body = R"({"prompt":"hi","max_tokens":5})";
  int good = 0, refused = 0;
  for (int i = 0; i < 10; ++i) {
    const int status = send("POST", "/v1/completions", body, small).status;
    good += status == 200;
    refused += status == 429;
  }
  EXPECT_EQ(good, 5);   // 3 and 5 tokens each
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(send("POST", "/v1/completions", body, boss).status, 200);
  const Json own = Json::parse(send("GET", "/v1/usage", "", small).body);
  ASSERT_EQ(own["data"].size(), 1u);
  EXPECT_EQ(own["data"][0]["requests"], 5);
  EXPECT_EQ(own["data"][0]["completion_tokens"], 25);
  EXPECT_EQ(Json::parse(send("GET", "/v1/usage", "", boss).body)["data"].size(), 2u);
  EXPECT_EQ(send("POST", "/api/pull", R"({"model":"hf:a/b"})", small).status, 403);
  EXPECT_EQ(send("DELETE", "/api/delete", R"({"model":"scripted"})", small).status, 403);
}

TEST_F(ApiTest, RequestsHaveIdsAndAreLogged) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("access_" + std::to_string(getpid()));
  start({.access_log = path.string()});
  const auto r = send("GET", "/health", "", {{"X-Request-Id", "mine-1"}});
  EXPECT_EQ(r.header("X-Request-Id"), "mine-1");
  EXPECT_TRUE(send("GET", "/nothing?key=secret").header("X-Request-Id").starts_with("req_"));
  app->stop(1);
  std::ifstream in(path);
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  const Json first = Json::parse(line);
  EXPECT_EQ(first["id"], "mine-1");
  EXPECT_EQ(first["status"], 200);
  ASSERT_TRUE(std::getline(in, line));
  EXPECT_EQ(Json::parse(line)["status"], 404);
  EXPECT_EQ(line.find("secret"), std::string::npos);
  std::filesystem::remove(path);
}

TEST_F(ApiTest, TheDocumentHasEveryRoute) {
  start();
  const Json document = get("/openapi.json").json;
  EXPECT_EQ(document["openapi"], "3.1.0");
  Registry<Api>::each([&](const Api& api) {
    for (const Route& route : api.routes) {
      std::string path(route.path), method(route.method);
      if (const size_t dots = path.find("..."); dots != path.npos) path.erase(dots, 3);
      for (char& c : method) c = static_cast<char>(std::tolower(c));
      ASSERT_TRUE(document["paths"].contains(path)) << path;
      const Json& operation = document["paths"][path][method];
      EXPECT_EQ(operation["summary"], route.summary) << path;
      EXPECT_EQ(operation.contains("requestBody"), route.schema != nullptr) << path;
    }
  });
  const Json& chat = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]
                             ["application/json"]["schema"];
  EXPECT_EQ(chat["required"][0], "messages");
  EXPECT_EQ(chat["properties"]["temperature"]["maximum"], 2.0);
  EXPECT_FALSE(chat["properties"].contains("functions"));   // refused
}

TEST_F(ApiTest, WithoutKeysOnlyThisMachine) {
  EXPECT_THROW(start({.host = "0.0.0.0"}), Error);
  app.reset();
  backend = std::make_unique<fleet::testing::ScriptedBackend>();
  start({.host = "0.0.0.0", .allow_anonymous = true});
  EXPECT_EQ(send("GET", "/health").status, 200);
}

}  // namespace
}  // namespace strata::serve
