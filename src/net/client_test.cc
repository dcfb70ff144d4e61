#include "net/client.h"

#include <gtest/gtest.h>

#include <future>

#include "base/error.h"
#include "net/testing/scripted_server.h"

namespace strata::net {
namespace {

using testing::ScriptedServer;

ClientRequest to(const std::string& url) {
  ClientRequest request;
  request.url = url;
  return request;
}

/// The error that fetch throws; fails the test if it throws none.
std::string failure(const ClientRequest& request, Code code) {
  try {
    fetch(request);
    ADD_FAILURE() << "no error from " << request.url;
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
    return e.what();
  }
  return {};
}

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(Client, SendsWhatIsAsked) {
  std::string seen;
  ScriptedServer server([&](int client) {
    seen = ScriptedServer::read_header(client);
    ScriptedServer::write(client, ok(""));
  });
  ClientRequest request = to(server.url("/a?b"));
  request.method = "POST";
  request.body = "{}";
  request.headers = {{"X-Test", "1"}, {"user-agent", "mine"}};
  EXPECT_EQ(fetch(request).status, 200);
  EXPECT_TRUE(seen.starts_with("POST /a?b HTTP/1.1\r\n")) << seen;
  for (const char* line : {"Content-Length: 2\r\n", "X-Test: 1\r\n", "user-agent: mine\r\n",
                           "Content-Type: application/json\r\n"})
    EXPECT_NE(seen.find(line), std::string::npos) << line << seen;
  EXPECT_NE(seen.find("Host: 127.0.0.1:" + std::to_string(server.port())), std::string::npos);
  EXPECT_EQ(seen.find("User-Agent: strata"), std::string::npos);
  request.headers = {{"X", "a\r\nY: b"}};
  failure(request, Code::invalid_argument);
}

TEST(Client, ReadsEveryFraming) {
  for (const std::string& answer :
       {ok("hello"), std::string("HTTP/1.1 200 OK\r\n\r\nhello"),
        std::string("HTTP/1.0 200 OK\r\n\r\nhello"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok("hello")}) {
    ScriptedServer server(ScriptedServer::answering(answer));
    EXPECT_EQ(fetch(to(server.url())).body, "hello") << answer;
  }
}

TEST(Client, TruncatedAnswersAreErrors) {
  for (const char* answer :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "SSH-2.0-x\r\n"}) {
    ScriptedServer server(ScriptedServer::answering(answer));
    EXPECT_NE(failure(to(server.url()), Code::unavailable).find("127.0.0.1"), std::string::npos);
  }
}

TEST(Client, StreamsPartsAsTheyArrive) {
  std::promise<void> got_first;
  ScriptedServer server([&](int client) {
    ScriptedServer::read_header(client);
    ScriptedServer::write(client,
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: 1\r\n");
    // Comes on only when the client has seen the first part.
    ASSERT_EQ(got_first.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
    ScriptedServer::write(client, "7\r\ndata: 2\r\n0\r\n\r\n");
  });
  ClientRequest request = to(server.url());
  std::vector<std::string> parts;
  int status = 0;
  request.on_header = [&](int s, const Headers&) { status = s; };
  request.on_chunk = [&](std::string_view part) {
    EXPECT_EQ(status, 200);
    parts.emplace_back(part);
    if (parts.size() == 1) got_first.set_value();
    return true;
  };
  EXPECT_TRUE(fetch(request).body.empty());
  EXPECT_EQ(parts, (std::vector<std::string>{"data: 1", "data: 2"}));
}

TEST(Client, CancelsAndLimits) {
  ScriptedServer server(ScriptedServer::answering(ok(std::string(100'000, 'x'))));
  ClientRequest request = to(server.url());
  request.max_body_bytes = 99'999;
  failure(request, Code::too_large);
  request.max_body_bytes = 100'000;
  EXPECT_EQ(fetch(request).body.size(), 100'000u);
  request.on_chunk = [](std::string_view) { return false; };
  failure(request, Code::cancelled);
}

TEST(Client, ErrorBodiesDoNotGoToTheChunks) {
  ScriptedServer server(
      ScriptedServer::answering("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"));
  ClientRequest request = to(server.url());
  request.on_chunk = [](std::string_view) {
    ADD_FAILURE();
    return true;
  };
  const auto response = fetch(request);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "gone");
}

TEST(Client, RangeRequests) {
  Server server(ServerOptions{});
  const std::string file = "0123456789";
  server.route("GET", "/file", [&](auto x) {
    const std::string range(x->request().header("Range"));   // "bytes=N-"
    const size_t from = std::stoul(range.substr(6));
    x->reply(206, "application/octet-stream", file.substr(from),
             {{"Content-Range", "bytes " + std::to_string(from) + "-9/10"}});
  });
  server.start();
  ClientRequest request = to("http://127.0.0.1:" + std::to_string(server.port()) + "/file");
  request.headers = {{"Range", "bytes=4-"}};
  std::string got;
  request.on_chunk = [&](std::string_view part) {
    got += part;
    return true;
  };
  const auto response = fetch(request);
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(response.header("content-range"), "bytes 4-9/10");
  EXPECT_EQ(got, "456789");
}

TEST(Client, TimesOutNamingTheHost) {
  std::promise<void> done;
  auto finished = done.get_future().share();
  ScriptedServer server([=](int) { finished.wait(); });
  ClientRequest request = to(server.url());
  request.timeout_s = 0.1;
  EXPECT_NE(failure(request, Code::unavailable).find("127.0.0.1"), std::string::npos);
  done.set_value();
}

TEST(Client, RefusedAndUnknownHosts) {
  int port;
  {
    ScriptedServer server(ScriptedServer::answering(""));
    port = server.port();
  }
  EXPECT_NE(failure(to("http://127.0.0.1:" + std::to_string(port)), Code::unavailable)
                .find(std::to_string(port)),
            std::string::npos);
  EXPECT_NE(failure(to("http://no.such.host.invalid/"), Code::unavailable)
                .find("no.such.host.invalid"),
            std::string::npos);
  failure(to("nonsense"), Code::invalid_argument);
}

/// Echoes the credentials it was sent; /to?URL redirects there.
class RedirectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (Server* s : {&first, &second}) {
      for (const char* method : {"GET", "POST"}) {
        s->route(method, "/show", [](auto x) {
          const Request& r = x->request();
          x->reply(200, "text/plain",
                   r.method + " " + std::string(r.header("Authorization")) + " " + r.body);
        });
        for (int status : {301, 302, 303, 307, 308})
          s->route(method, "/to/" + std::to_string(status), [status](auto x) {
            x->reply(status, "", "moved", {{"Location", x->request().query}});
          });
      }
      s->start();
    }
  }
  static std::string at(const Server& s, const std::string& path) {
    return "http://127.0.0.1:" + std::to_string(s.port()) + path;
  }
  ClientRequest ask(const std::string& method, const std::string& path) {
    ClientRequest request = to(at(first, path));
    request.method = method;
    request.headers = {{"Authorization", "secret"}};
    if (method == "POST") request.body = "body";
    return request;
  }
  Server first{ServerOptions{}}, second{ServerOptions{}};
};

TEST_F(RedirectTest, FollowsKeepingOrChangingTheMethod) {
  EXPECT_EQ(fetch(ask("GET", "/to/302?/show")).body, "GET secret ");
  EXPECT_EQ(fetch(ask("POST", "/to/303?/show")).body, "GET secret ");
  EXPECT_EQ(fetch(ask("POST", "/to/301?../show")).status, 404);   // dots stay as they are
  EXPECT_EQ(fetch(ask("POST", "/to/302?/show")).body, "GET secret ");
  EXPECT_EQ(fetch(ask("POST", "/to/307?/show")).body, "POST secret body");
  EXPECT_EQ(fetch(ask("POST", "/to/308?" + at(first, "/show"))).body, "POST secret body");
}

TEST_F(RedirectTest, DropsCredentialsForAnotherHost) {
  EXPECT_EQ(fetch(ask("GET", "/to/302?" + at(second, "/show"))).body, "GET  ");
}

TEST_F(RedirectTest, GivesUp) {
  EXPECT_EQ(fetch(ask("GET", "/to/302?/to/302")).status, 302);   // ends at an empty Location
  auto request = ask("GET", "/to/302?/show");
  request.max_redirects = 0;
  EXPECT_EQ(fetch(request).status, 302);
  failure(ask("GET", "/to/302?ftp://a/"), Code::invalid_argument);
  ScriptedServer loop(ScriptedServer::answering(
      "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_NE(failure(to(loop.url()), Code::unavailable).find("redirects"), std::string::npos);
}

}  // namespace
}  // namespace strata::net
