#include "net/router.h"

#include <gtest/gtest.h>

namespace strata::net {
namespace {

Router make_router() {
  Router router;
  for (auto [method, path] : {std::pair{"GET", "/"}, {"GET", "/v1/models"},
                              {"GET", "/v1/models/{id...}"}, {"POST", "/v1/models"},
                              {"DELETE", "/job/{id}/step/{step}"}})
    router.add(method, path, [](std::shared_ptr<Exchange>) {});
  return router;
}

TEST(Router, FindsLiteralAndParameterSegments) {
  const Router router = make_router();
  EXPECT_TRUE(router.find("GET", "/").handler);
  EXPECT_TRUE(router.find("POST", "/v1/models").handler);
  const auto match = router.find("DELETE", "/job/a%20b/step/2");
  ASSERT_TRUE(match.handler);
  ASSERT_EQ(match.parameters.size(), 2u);
  EXPECT_EQ(match.parameters[0], std::pair(std::string("id"), std::string("a b")));
  EXPECT_EQ(match.parameters[1].second, "2");
}

TEST(Router, RestParameterTakesSlashesEncodedOrNot) {
  const Router router = make_router();
  for (const char* path : {"/v1/models/org/name", "/v1/models/org%2Fname"}) {
    const auto match = router.find("GET", path);
    ASSERT_TRUE(match.handler) << path;
    EXPECT_EQ(match.parameters[0].second, "org/name");
  }
  EXPECT_FALSE(router.find("GET", "/v1/models/").handler);
}

TEST(Router, TellsUnknownPathFromUnknownMethod) {
  const Router router = make_router();
  EXPECT_EQ(router.find("GET", "/v2").allow, "");
  EXPECT_EQ(router.find("PUT", "/v1/models").allow, "GET, HEAD, POST");
  EXPECT_FALSE(router.find("PUT", "/v1/models").handler);
  EXPECT_FALSE(router.find("DELETE", "/job//step/2").handler);
  EXPECT_FALSE(router.find("DELETE", "/job/1/step/2/3").handler);
  EXPECT_FALSE(router.find("DELETE", "/job/%zz/step/2").handler);
}

TEST(Router, HeadIsAnsweredByGet) {
  const Router router = make_router();
  EXPECT_EQ(router.find("HEAD", "/v1/models").handler, router.find("GET", "/v1/models").handler);
}

}  // namespace
}  // namespace strata::net
