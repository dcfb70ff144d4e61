// For tests: the application over a scripted model, asked over HTTP.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fleet/testing/scripted_backend.h"
#include "net/client.h"
#include "serve/app.h"
#include "serve/json.h"

namespace strata::serve::testing {

inline const char* const chat_template =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if tools %}(tools){% endif %}{% if add_generation_prompt %}[assistant]{% endif %}";

struct Answer {
  int status;
  std::string body;
  Json json;
};

class ServedTest : public ::testing::Test {
 protected:
  void start(AppOptions options = {}, bool with_template = true,
             std::vector<std::string> names = {}) {
    options.port = 0;
    if (with_template) backend->chat = std::make_unique<model::ChatTemplate>(chat_template);
    script = backend.get();
    app = std::make_unique<App>(
        std::make_unique<fleet::Fleet>(std::move(names), std::move(backend)), options);
    app->start();
  }
  net::ClientResponse send(const std::string& method, const std::string& path,
                           const std::string& body = {}, net::Headers headers = {}) {
    net::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(app->port()) + path;
    request.body = body;
    request.headers = std::move(headers);
    return net::fetch(request);
  }
  Answer post(const std::string& path, const std::string& body) {
    const auto r = send("POST", path, body);
    Json json = Json::parse(r.body, nullptr, false);
    return {r.status, r.body, std::move(json)};
  }
  Answer chat(const std::string& more = {}) {
    return post("/v1/chat/completions",
                R"({"messages":[{"role":"user","content":"hi"}])" + more + "}");
  }
  Answer text(const std::string& more = {}) {
    return post("/v1/completions", R"({"prompt":"hi")" + more + "}");
  }
  /// The events of a streamed answer; the last, [DONE], is checked and left out.
  static std::vector<Json> events(const std::string& body) {
    std::vector<Json> list;
    size_t at = 0;
    bool done = false;
    while (at < body.size()) {
      const size_t end = body.find("\n\n", at);
      EXPECT_NE(end, std::string::npos);
      EXPECT_EQ(body.compare(at, 6, "data: "), 0) << body.substr(at);
      EXPECT_FALSE(done) << "an event after [DONE]";
      const std::string data = body.substr(at + 6, end - at - 6);
      if (data == "[DONE]") done = true;
      else list.push_back(Json::parse(data));
      at = end + 2;
    }
    EXPECT_TRUE(done) << body;
    return list;
  }

  std::unique_ptr<fleet::testing::ScriptedBackend> backend =
      std::make_unique<fleet::testing::ScriptedBackend>();
  fleet::testing::ScriptedBackend* script = nullptr;
  std::unique_ptr<App> app;
};

}  // namespace strata::serve::testing
