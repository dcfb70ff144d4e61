#include "serve/keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/error.h"

namespace strata::serve {
namespace {

class KeysTest : public ::testing::Test {
 protected:
  Keys make(std::vector<KeyOptions> options) { return Keys(options, database); }
  Code refusal(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& e) {
      return e.code();
    }
    return Code::internal;
  }
  store::Database database{":memory:"};
};

TEST_F(KeysTest, FindsByKeyAndByDigest) {
  // printf abc | sha256sum
  const std::string digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Keys keys = make({{.name = "a", .key = "one"},
                    {.name = "b", .sha256 = digest, .role = Role::admin}});
  EXPECT_EQ(keys.find("one"), 1u);
  EXPECT_EQ(keys.find("abc"), 2u);
  for (const char* wrong : {"", "on", "one ", "ABC"}) EXPECT_EQ(keys.find(wrong), 0u) << wrong;
  EXPECT_EQ(keys.name(2), "b");
  EXPECT_EQ(keys.role(1), Role::user);
  EXPECT_EQ(keys.role(2), Role::admin);
  EXPECT_EQ(keys.role(0), Role::user);
  EXPECT_EQ(make({}).role(0), Role::admin);
}

TEST_F(KeysTest, RefusesWhatIsAmbiguous) {
  for (const std::vector<KeyOptions>& wrong :
       {std::vector<KeyOptions>{{.name = "a"}}, {{.key = "k"}},
        {{.name = "a", .key = "k", .sha256 = "00"}}, {{.name = "a", .sha256 = "00"}},
        {{.name = "a", .key = "k"}, {.name = "a", .key = "l"}},
        {{.name = "a", .key = "k"}, {.name = "b", .key = "k"}}})
    EXPECT_EQ(refusal([&] { make(wrong); }), Code::invalid_argument);
}

TEST_F(KeysTest, RequestsAMinuteHoldUnderConcurrency) {
  Keys keys = make({{.name = "a", .key = "k", .requests_per_minute = 100}});
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        admitted += refusal([&] { keys.admit(1); }) != Code::resource_exhausted;
    });
  for (std::thread& thread : threads) thread.join();
  // The minute may have turned once.
  EXPECT_TRUE(admitted == 100 || (admitted > 100 && admitted <= 200)) << admitted;
}

TEST_F(KeysTest, TokensNeverExceedTheQuota) {
  Keys keys = make({{.name = "a", .key = "k", .tokens_per_day = 1000}});
  std::atomic<int64_t> used = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const auto ticket = keys.ticket(1);
        try {
          ticket->reserve({.prompt_tokens = 5, .wanted = 10});
          ticket->settle("m", {.prompt_tokens = 5, .cached_tokens = 0, .completion_tokens = 7});
          used += 12;
        } catch (const Error&) {
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(used, 1000);
  EXPECT_GT(used, 1000 - 2 * 15);   // what is left is too little for another one
  const auto rows = keys.usage(1);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].requests * 12, used);
  EXPECT_EQ(rows[0].prompt_tokens + rows[0].completion_tokens, used);
  // A restart remembers.
  Keys again = make({{.name = "a", .key = "k", .tokens_per_day = 1000}});
  EXPECT_EQ(refusal([&] { again.ticket(1)->reserve({.prompt_tokens = 5, .wanted = 30}); }),
            Code::resource_exhausted);
}

TEST_F(KeysTest, AnAnswerWithoutLimitGetsWhatIsLeft) {
  Keys keys = make({{.name = "a", .key = "k", .tokens_per_day = 100}, {.name = "b", .key = "l"}});
  {
    const auto ticket = keys.ticket(1);
    EXPECT_EQ(ticket->reserve({.prompt_tokens = 20, .n = 2}), 40);
    EXPECT_EQ(refusal([&] { keys.ticket(1)->reserve({.prompt_tokens = 1, .wanted = 1}); }),
              Code::resource_exhausted);
  }
  // Never used: all of it came back.
  EXPECT_EQ(keys.ticket(1)->reserve({.prompt_tokens = 20}), 80);
  EXPECT_EQ(keys.ticket(2)->reserve({.prompt_tokens = 20}), -1);
  // The model's context is enough.
  EXPECT_EQ(keys.ticket(1)->reserve({.prompt_tokens = 20, .longest = 30}), 30);
  EXPECT_EQ(keys.ticket(1)->reserve({.prompt_tokens = 20, .wanted = 1000, .longest = 30}), 30);
}

}  // namespace
}  // namespace strata::serve
