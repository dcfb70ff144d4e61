// Mutated requests: whatever arrives, the server answers or closes, and goes on serving.
#include <gtest/gtest.h>

#include <random>

#include "net/client.h"
#include "net/server.h"
#include "net/testing/raw_client.h"

namespace strata::net {
namespace {

const std::string seeds[] = {
    "GET /hello?a=b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HEAD /item/%41 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
};
const std::string tokens[] = {"\r\n", "\r\n\r\n", "chunked", "Content-Length: 99999999999999999999",
                              "Transfer-Encoding: gzip, chunked", "HTTP/1.1", ": ", "%00", "\0",
                              "Upgrade: h2c\r\n", "ffffffffffffffff\r\n", "Connection: close\r\n"};

std::string mutate(std::mt19937& random) {
  auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  std::string text = seeds[below(std::size(seeds))];
  for (size_t edits = 1 + below(6); edits > 0; --edits) {
    const size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0: text.insert(at, 1, static_cast<char>(random())); break;
      case 1: if (at < text.size()) text[at] = static_cast<char>(random()); break;
      case 2: text.erase(at, 1 + below(8)); break;
      case 3: text.insert(at, tokens[below(std::size(tokens))]); break;
      case 4: text += seeds[below(std::size(seeds))]; break;
      default: text.insert(at, text.substr(below(text.size() + 1), below(64)));
    }
  }
  return text;
}

TEST(HttpFuzz, TenThousandMutations) {
  Server server({.max_body_bytes = 4096, .max_header_bytes = 4096});
  server.route("GET", "/hello", [](auto x) { x->reply(200, "text/plain", "hello"); });
  server.route("GET", "/item/{id}", [](auto x) { x->reply(200, "text/plain", "item"); });
  server.route("POST", "/echo", [](auto x) { x->reply(200, "text/plain", x->request().body); });
  server.start();
  ClientRequest check;
  check.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/hello";
  std::mt19937 random(20240607);
  for (int i = 0; i < 10'000; ++i) {
    testing::RawClient client(server.port());
    client.send(mutate(random));
    // Sometimes wait for what comes, sometimes vanish at once.
    if (i % 4 == 0) {
      client.end_sending();
      client.receive_all(5);
      if (!client.received.empty()) {
        ASSERT_TRUE(client.received.starts_with("HTTP/1.1 ")) << client.received;
      }
    }
    client.reset();
    if (i % 1000 == 0) {
      ASSERT_EQ(fetch(check).body, "hello");
    }
  }
  EXPECT_EQ(fetch(check).body, "hello");
}

}  // namespace
}  // namespace strata::net
