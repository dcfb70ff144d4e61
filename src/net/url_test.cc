#include <gtest/gtest.h>

#include "base/error.h"
#include "net/client.h"
#include "net/percent.h"

namespace strata::net {
namespace {

TEST(Url, SplitsIntoParts) {
  struct Case {
    const char *url, *scheme, *host, *port, *target;
  };
  for (const Case& c : {
           Case{"http://a", "http", "a", "80", "/"},
           Case{"HTTPS://a.b/c?d#e", "https", "a.b", "443", "/c?d"},
           Case{"http://a:8000?q=1", "http", "a", "8000", "/?q=1"},
           Case{"http://[::1]:81/x", "http", "::1", "81", "/x"},
           Case{"https://[fe80::1]/", "https", "fe80::1", "443", "/"},
       }) {
    const Url url = parse_url(c.url);
    EXPECT_EQ(url.scheme, c.scheme) << c.url;
    EXPECT_EQ(url.host, c.host) << c.url;
    EXPECT_EQ(url.port, c.port) << c.url;
    EXPECT_EQ(url.target, c.target) << c.url;
  }
}

TEST(Url, RefusesWhatIsNotOne) {
  for (const char* url :
       {"", "a", "ftp://a", "http://", "http:///x", "http://a:x", "http://a:99999", "http://a b",
        "http://a\r\nb", "http://[::1", "http://[::1]x", "http://user:word@a"}) {
    try {
      parse_url(url);
      ADD_FAILURE() << url;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::invalid_argument) << url;
    }
  }
}

TEST(Percent, DecodesAndRefuses) {
  EXPECT_EQ(percent_decode("a%20b%2f%C3%A9"), "a b/é");
  EXPECT_EQ(percent_decode(""), "");
  for (const char* bad : {"%", "%1", "a%", "%gg", "%0x"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

}  // namespace
}  // namespace strata::net
