// Mutated request bodies: the validator accepts or throws Error, whatever it is given.
#include <gtest/gtest.h>

#include <random>

#include "base/log.h"
#include "serve/chat_request.h"
#include "serve/completion_request.h"
#include "serve/error.h"
#include "fleet/testing/scripted_backend.h"

namespace strata::serve {
namespace {

const std::string seeds[] = {
    R"({"model":"main","messages":[{"role":"system","content":"s"},{"role":"user")"
    R"(,"content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":null)"
    R"(,"tool_calls":[{"id":"c","type":"function","function":{"name":"f")"
    R"(,"arguments":"{\"a\":1}"}}]},{"role":"tool","content":"42","tool_call_id":"c"}])"
    R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])"
    R"(,"tool_choice":"auto","temperature":0.7,"top_p":0.9,"top_k":-1,"n":2,"stop":["a","b"])"
    R"(,"seed":1,"logit_bias":{"5":-1.5},"logprobs":true,"top_logprobs":5,"stream":true)"
    R"(,"stream_options":{"include_usage":true},"max_tokens":10,"response_format":)"
    R"({"type":"text"},"chat_template_kwargs":{"a":[1,2]}})",
    R"({"prompt":[[1,2,3],[4]],"max_tokens":0,"echo":true,"logprobs":5,"n":2,"best_of":2)"
    R"(,"stop":"x","min_tokens":0,"stop_token_ids":[1,2],"logit_bias":{"1":100},"suffix":"")"
    R"(,"priority":-3})",
    R"({"prompt":"text","temperature":0,"seed":-9223372036854775808,"user":"u","unknown":)"
    R"({"a":[]}})",
};
const std::string tokens[] = {"null",
                              "-1",
                              "1e308",
                              "1e999",
                              "true",
                              "\"\"",
                              "[]",
                              "{}",
                              "[[",
                              "}}",
                              "\\u0000",
                              "\\ud800",
                              "99999999999999999999",
                              "\"role\":",
                              "0.5",
                              ",",
                              "\xff",
                              "\"content\":{}",
                              "\"prompt\":",
                              "-0.0",
                              "[[[[[[[["};

/// Replaces a random value of a valid document by another: reaches behind the parser.
void mutate_value(Json& json, std::mt19937& random, const Json& donor) {
  Json* at = &json;
  while (at->is_structured() && !at->empty() && random() % 4 != 0)
    at = &*std::next(at->begin(), static_cast<ptrdiff_t>(random() % at->size()));
  switch (random() % 8) {
    case 0: *at = nullptr; break;
    case 1: *at = -1; break;
    case 2: *at = 1e300; break;
    case 3: *at = "text"; break;
    case 4: *at = Json::array({*at, *at}); break;
    case 5: *at = Json{{"type", *at}}; break;
    case 6: *at = static_cast<int64_t>(random()) - (1 << 30); break;
    default: *at = donor;
  }
}

std::string mutate_text(std::string text, std::mt19937& random) {
  for (size_t edits = 1 + random() % 4; edits > 0; --edits) {
    const size_t at = random() % (text.size() + 1);
    switch (random() % 4) {
      case 0: text.insert(at, tokens[random() % std::size(tokens)]); break;
      case 1: text.erase(at, 1 + random() % 12); break;
      case 2: if (at < text.size()) text[at] = static_cast<char>(random()); break;
      default: text.insert(at, text.substr(random() % (text.size() + 1), random() % 40));
    }
  }
  return text;
}

TEST(RequestFuzz, TwentyThousandMutations) {
  const fleet::ModelCard card({"scripted", "/m", fleet::testing::n_vocab, 100}, "main");
  log::set_level(log::Level::error);   // every mutated name would be logged as unknown
  std::mt19937 random(7);
  int n_accepted = 0, n_refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string& seed = seeds[random() % std::size(seeds)];
    std::string body;
    if (i % 2 == 0) {
      body = mutate_text(seed, random);
    } else {
      Json json = Json::parse(seed);
      for (size_t edits = 1 + random() % 2; edits > 0; --edits)
        mutate_value(json, random, Json::parse(seeds[random() % std::size(seeds)]));
      body = to_text(json);
    }
    for (bool chat : {true, false}) {
      try {
        if (chat) parse_chat_request(parse_json(body), card, {});
        else parse_completion_request(parse_json(body), card, {});
        ++n_accepted;
      } catch (const Error& e) {
        ++n_refused;
        const Json answer = Json::parse(error_answer(e).body);
        ASSERT_FALSE(answer["error"]["message"].get<std::string>().empty()) << body;
      }
    }
  }
  // Both ways are really taken.
  EXPECT_GT(n_accepted, 500);
  EXPECT_GT(n_refused, 5000);
}

}  // namespace
}  // namespace strata::serve
