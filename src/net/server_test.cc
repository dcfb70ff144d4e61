#include "net/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "net/client.h"
#include "net/testing/raw_client.h"

namespace strata::net {
namespace {

using testing::RawClient;
using namespace std::chrono_literals;

/// A server with routes that answer in every way a handler can.
class ServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    server = std::make_unique<Server>(options);
    server->on_error([](int status, std::string_view message, std::string_view) {
      return "{\"status\":" + std::to_string(status) + ",\"message\":\"" + std::string(message) +
             "\"}";
    });
    server->route("GET", "/hello", [](auto x) { x->reply(200, "text/plain", "hello"); });
    server->route("POST", "/echo", [](auto x) { x->reply(200, "text/plain", x->request().body); });
    server->route("GET", "/error", [](auto) { fail(Code::resource_exhausted, "full"); });
    server->route("GET", "/bug", [](auto) { throw std::runtime_error("secret"); });
    server->route("GET", "/drop", [](auto) {});
    server->route("GET", "/item/{id}", [](auto x) {
      x->reply(200, "text/plain", x->request().path_parameters.at(0).second + "?" +
                                      x->request().query);
    });
    server->route("GET", "/inject", [](auto x) {
      x->reply(200, "text/plain", "", {{"X-A", "b\r\nX-Evil: 1"}});
    });
    server->route("GET", "/stream", [](auto x) {
      x->start(200, "text/event-stream");
      for (int i = 0; i < 3; ++i) x->send("data: " + std::to_string(i) + "\n\n");
      x->end();
    });
    server->route("GET", "/cut", [](auto x) {
      x->start(200, "text/plain");
      x->send("half");
    });
    server->route("GET", "/hold", [this](auto x) {
      x->on_disconnect([this] { gone.set_value(); });
      held.set_value(x);
    });
    server->start();
  }
  ClientResponse get(const std::string& path) {
    ClientRequest request;
    request.url = url(path);
    return fetch(request);
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server->port()) + path;
  }
  std::string raw(const std::string& bytes, double timeout_s = 10) {
    RawClient client(server->port());
    client.send(bytes);
    EXPECT_TRUE(client.receive_all(timeout_s)) << "not closed; so far: " << client.received;
    return client.received;
  }

  std::promise<void> gone;
  std::promise<std::shared_ptr<Exchange>> held;
  std::unique_ptr<Server> server;
};

const std::string host = "Host: x\r\n";
const std::string close_header = "Connection: close\r\n";

TEST_F(ServerTest, AnswersAndRoutes) {
  start();
  const auto hello = get("/hello");
  EXPECT_EQ(hello.status, 200);
  EXPECT_EQ(hello.body, "hello");
  EXPECT_EQ(hello.header("content-TYPE"), "text/plain");
  EXPECT_EQ(get("/item/a%2Fb?q=1").body, "a/b?q=1");
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_NE(get("/nothing").body.find("\"status\":404"), std::string::npos);
  const auto wrong = get("/echo");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "POST, OPTIONS");
}

TEST_F(ServerTest, MapsErrorsOfHandlers) {
  start();
  EXPECT_EQ(get("/error").status, 429);
  EXPECT_NE(get("/error").body.find("full"), std::string::npos);
  EXPECT_EQ(get("/bug").status, 500);
  EXPECT_EQ(get("/bug").body.find("secret"), std::string::npos);
  EXPECT_EQ(get("/drop").status, 500);
}

TEST_F(ServerTest, HeadAndOptions) {
  start();
  const std::string head = raw("HEAD /hello HTTP/1.1\r\n" + host + close_header + "\r\n");
  EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  const std::string stream = raw("HEAD /stream HTTP/1.1\r\n" + host + close_header + "\r\n");
  EXPECT_TRUE(stream.ends_with("\r\n\r\n")) << stream;
  const std::string options = raw("OPTIONS /hello HTTP/1.1\r\n" + host + close_header + "\r\n");
  EXPECT_TRUE(options.starts_with("HTTP/1.1 204 ")) << options;
  EXPECT_NE(options.find("Allow: GET, HEAD, OPTIONS\r\n"), std::string::npos);
  EXPECT_TRUE(raw("OPTIONS * HTTP/1.1\r\n" + host + close_header + "\r\n")
                  .starts_with("HTTP/1.1 204 "));
  EXPECT_TRUE(raw("OPTIONS /no HTTP/1.1\r\n" + host + close_header + "\r\n")
                  .starts_with("HTTP/1.1 404 "));
}

TEST_F(ServerTest, NoValueStartsAnotherHeader) {
  start();
  EXPECT_EQ(get("/inject").header("X-Evil"), "");
  EXPECT_EQ(get("/inject").header("X-A"), "bX-Evil: 1");
}

TEST_F(ServerTest, FilterAndDecoration) {
  server = std::make_unique<Server>(ServerOptions{});
  server->before([](Exchange& x) {
    if (x.request().header("key") == "k") return true;
    x.reply(401, "text/plain", "who?");
    return false;
  });
  server->decorate(
      [](const Request& r, Headers& headers) { headers.emplace_back("X-Path", r.path); });
  server->route("GET", "/a", [](auto x) { x->reply(200, "text/plain", "ok"); });
  server->start();
  EXPECT_EQ(get("/a").status, 401);
  EXPECT_EQ(get("/unknown").status, 401);
  EXPECT_EQ(get("/a").header("x-path"), "/a");
  ClientRequest request;
  request.url = url("/a");
  request.headers = {{"Key", "k"}};
  EXPECT_EQ(fetch(request).body, "ok");
}

TEST_F(ServerTest, KeepsConnectionsAndAnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 200; ++i)
    requests += "GET /item/" + std::to_string(i) + " HTTP/1.1\r\n" + host + "\r\n";
  client.send(requests + "GET /hello HTTP/1.1\r\n" + host + close_header + "\r\n");
  ASSERT_TRUE(client.receive_all());
  size_t at = 0;
  for (int i = 0; i < 200; ++i) {
    at = client.received.find("\r\n\r\n" + std::to_string(i) + "?", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_TRUE(client.received.ends_with("hello"));
}

TEST_F(ServerTest, PipelinedRequestWaitsForAStreamedAnswer) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\nGET /hello HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  std::this_thread::sleep_for(20ms);
  exchange->start(200, "text/plain");
  exchange->send("first");
  ASSERT_TRUE(client.receive_until("first"));
  EXPECT_EQ(client.received.find("hello"), std::string::npos);
  exchange->end();
  ASSERT_TRUE(client.receive_until("hello")) << client.received;
  EXPECT_LT(client.received.find("0\r\n\r\n"), client.received.find("hello"));
}

TEST_F(ServerTest, OldProtocol) {
  start();
  const std::string old = raw("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_NE(old.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(old.ends_with("\r\n\r\nhello"));
  const std::string stream = raw("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(stream.find("chunked"), std::string::npos);
  EXPECT_TRUE(stream.ends_with("\r\n\r\ndata: 0\n\ndata: 1\n\ndata: 2\n\n")) << stream;
  RawClient kept(server->port());
  kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(kept.receive_until("hello"));
  EXPECT_NE(kept.received.find("Connection: keep-alive"), std::string::npos);
}

TEST_F(ServerTest, ChunkedBothWays) {
  start();
  EXPECT_EQ(get("/stream").body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  const std::string reply =
      raw("POST /echo HTTP/1.1\r\n" + host + close_header +
          "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(reply.ends_with("\r\n\r\nabcde")) << reply;
}

TEST_F(ServerTest, ExpectContinue) {
  start();
  RawClient client(server->port());
  client.send("POST /echo HTTP/1.1\r\n" + host +
              "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.receive_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("ok");
  EXPECT_TRUE(client.receive_until("\r\n\r\nok"));
}

TEST_F(ServerTest, RefusesMalformedRequests) {
  start();
  for (const std::string request : {
           "GARBAGE\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n", "GET /hello HTTP/1.1\r\n\r\n",
           "GET hello HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
           "\r\n0\r\n\r\n",
           "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const std::string reply = raw(request);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << request << "\n->\n" << reply;
    EXPECT_NE(reply.find("\"status\":400"), std::string::npos);
  }
}

TEST_F(ServerTest, LimitsOfSize) {
  start({.max_body_bytes = 1000, .max_header_bytes = 2000});
  const std::string fits(1000, 'x'), large(1001, 'x');
  ClientRequest post;
  post.method = "POST";
  post.url = url("/echo");
  post.body = fits;
  EXPECT_EQ(fetch(post).body, fits);
  post.body = large;
  EXPECT_EQ(fetch(post).status, 413);
  // The answer arrives though the client goes on sending.
  post.body = std::string(800'000, 'x');
  EXPECT_EQ(fetch(post).status, 413);
  EXPECT_TRUE(raw("POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                  large + "\r\n0\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(raw("GET /hello HTTP/1.1\r\n" + host + "X: " + std::string(3000, 'y') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(raw("GET /" + std::string(3000, 'y') + " HTTP/1.1\r\n" + host + "\r\n")
                  .starts_with("HTTP/1.1 431 "));
}

TEST_F(ServerTest, LimitsOfTime) {
  start({.idle_timeout_s = 1, .header_timeout_s = 1, .body_timeout_s = 1});
  EXPECT_TRUE(raw("GET /hello HT").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(raw("POST /echo HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nab")
                  .starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(raw(""), "");
}

TEST_F(ServerTest, LimitOfConnections) {
  start({.max_connections = 2});
  RawClient first(server->port()), second(server->port());
  for (RawClient* c : {&first, &second}) {
    c->send("GET /hello HTTP/1.1\r\n" + host + "\r\n");
    ASSERT_TRUE(c->receive_until("hello"));
  }
  const std::string reply = raw("GET /hello HTTP/1.1\r\n" + host + "\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
  EXPECT_NE(reply.find("\"status\":503"), std::string::npos);
  first.close();
  // The place becomes free again.
  for (int i = 0; i < 200 && get("/hello").status != 200; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(get("/hello").status, 200);
}

TEST_F(ServerTest, SeesAClientGoWhileTheAnswerIsPending) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  client.close();
  ASSERT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
  exchange->reply(200, "text/plain", "too late");   // harmless
  bool at_once = false;
  exchange->on_disconnect([&] { at_once = true; });
  EXPECT_FALSE(at_once);   // the response is complete
}

TEST_F(ServerTest, SeesAClientGoWhileStreaming) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  exchange->start(200, "text/plain");
  exchange->send("some");
  ASSERT_TRUE(client.receive_until("some"));
  client.reset();
  ASSERT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
  bool at_once = false;
  exchange->on_disconnect([&] { at_once = true; });
  EXPECT_TRUE(at_once);
  exchange->send("more");
  exchange->end();
}

TEST_F(ServerTest, SeesAClientGoBehindPipelinedBytes) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\n" + std::string(30'000, 'z'));
  const auto exchange = held.get_future().get();
  client.close();
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(ServerTest, CutsASlowReaderOff) {
  start({.max_queued_bytes = 1u << 20});
  RawClient client(server->port(), 4096);
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  exchange->start(200, "text/plain");
  auto is_gone = gone.get_future();
  size_t sent = 0, most_queued = 0;
  while (is_gone.wait_for(0s) != std::future_status::ready && sent < (256u << 20)) {
    exchange->send(std::string(64u << 10, 'x'));
    sent += 64u << 10;
    most_queued = std::max(most_queued, exchange->queued());
  }
  EXPECT_EQ(is_gone.wait_for(0s), std::future_status::ready);
  EXPECT_LE(most_queued, 1u << 20);
  EXPECT_TRUE(client.receive_all());
  EXPECT_EQ(client.received.find("0\r\n\r\n"), std::string::npos);
}

TEST_F(ServerTest, SlowReaderBelowTheLimitGetsEverything) {
  start();
  RawClient client(server->port(), 64 << 10);
  client.send("GET /hold HTTP/1.1\r\n" + host + close_header + "\r\n");
  auto exchange = held.get_future().get();
  exchange->start(200, "text/plain");
  for (int i = 0; i < 128; ++i) exchange->send(std::string(32u << 10, '#'));
  EXPECT_GT(exchange->queued(), 0u);
  exchange->end();
  exchange.reset();
  ASSERT_TRUE(client.receive_all());
  EXPECT_EQ(std::count(client.received.begin(), client.received.end(), '#'), 128 * (32 << 10));
  EXPECT_TRUE(client.received.ends_with("0\r\n\r\n"));
}

TEST_F(ServerTest, ACutAnswerNeverLooksComplete) {
  start();
  EXPECT_THROW(get("/cut"), Error);
  for (const char* version : {"1.0", "1.1"}) {
    RawClient client(server->port());
    client.send(std::string("GET /cut HTTP/") + version + "\r\n" + host + "\r\n");
    EXPECT_TRUE(client.receive_all());
    EXPECT_EQ(client.received.find("0\r\n\r\n"), std::string::npos);
  }
}

TEST_F(ServerTest, AnswersFromManyThreads) {
  start({.threads = 2});
  server->stop(0);
  server = std::make_unique<Server>(ServerOptions{.threads = 2});
  server->route("GET", "/many", [](auto x) {
    std::thread([x] {
      x->start(200, "text/plain");
      for (int i = 0; i < 50; ++i) x->send(std::to_string(i) + " ");
      x->end();
    }).detach();
  });
  server->start();
  std::string expected;
  for (int i = 0; i < 50; ++i) expected += std::to_string(i) + " ";
  std::atomic<int> right = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c)
    clients.emplace_back([&] {
      for (int i = 0; i < 20; ++i) right += get("/many").body == expected;
    });
  for (auto& c : clients) c.join();
  EXPECT_EQ(right, 160);
}

TEST_F(ServerTest, StopFinishesWhatRuns) {
  start();
  const int port = server->port();
  RawClient idle(port), busy(port);
  idle.send("GET /hello HTTP/1.1\r\n" + host + "\r\n");
  ASSERT_TRUE(idle.receive_until("hello"));
  busy.send("GET /hold HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  std::thread stopper([&] { server->stop(10); });
  ASSERT_TRUE(idle.receive_all());   // idle connections close at once
  EXPECT_THROW(RawClient{port}, std::runtime_error);
  exchange->reply(200, "text/plain", "finished");
  ASSERT_TRUE(busy.receive_all());
  EXPECT_NE(busy.received.find("finished"), std::string::npos);
  EXPECT_NE(busy.received.find("Connection: close"), std::string::npos);
  stopper.join();
}

TEST_F(ServerTest, StopGivesUpAfterItsTime) {
  start();
  RawClient client(server->port());
  client.send("GET /hold HTTP/1.1\r\n" + host + "\r\n");
  auto exchange = held.get_future().get();
  server->stop(0.05);
  EXPECT_EQ(gone.get_future().wait_for(0s), std::future_status::ready);
  EXPECT_TRUE(client.receive_all());
  server.reset();
  exchange->start(200, "text/plain");   // an exchange may outlive the server
  exchange->send("x");
  exchange->end();
}

TEST_F(ServerTest, PortInUse) {
  start();
  Server second({.port = server->port()});
  try {
    second.start();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unavailable);
    EXPECT_NE(std::string(e.what()).find(std::to_string(server->port())), std::string::npos);
  }
  Server nowhere({.host = "no.such.host.invalid"});
  EXPECT_THROW(nowhere.start(), Error);
}

TEST_F(ServerTest, PostRunsOnAnIoThread) {
  start();
  std::promise<std::thread::id> where;
  server->post([&] { where.set_value(std::this_thread::get_id()); });
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
}

}  // namespace
}  // namespace strata::net
