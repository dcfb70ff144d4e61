#include "engine/validate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"

namespace strata::engine {
namespace {

const RequestLimits kLimits = {.n_vocab = 100, .max_model_len = 32, .max_num_seqs = 8};

Request good() {
  Request r;
  r.prompt = {1, 2, 3};
  return r;
}

void expect_refused(std::string_view param, const std::function<void(Request&)>& spoil) {
  Request r = good();
  spoil(r);
  try {
    validate(r, kLimits);
    ADD_FAILURE() << param << " was accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument);
    EXPECT_EQ(e.param(), param);
    EXPECT_NE(std::string(e.what()).find(param), std::string::npos) << e.what();
  }
}

TEST(Validate, AcceptsDefaultsAndBounds) {
  EXPECT_NO_THROW(validate(good(), kLimits));
  Request r = good();
  r.prompt.assign(31, 99);
  r.n = 8;
  r.sampling = {.temperature = 100, .top_k = -1, .top_p = 1, .min_p = 1, .typical_p = 1,
                .repetition_penalty = 100, .presence_penalty = -2, .frequency_penalty = 2,
                .logit_bias = {{0, -100.0f}}, .seed = 5, .logprobs = 20, .max_tokens = 1 << 30,
                .min_tokens = 3, .stop_tokens = {0}, .ignore_eos = true};
  EXPECT_NO_THROW(validate(r, kLimits));
}

TEST(Validate, NamesTheParameter) {
  expect_refused("prompt", [](Request& r) { r.prompt.clear(); });
  expect_refused("prompt", [](Request& r) { r.prompt[1] = 100; });
  expect_refused("prompt", [](Request& r) { r.prompt[1] = -1; });
  expect_refused("n", [](Request& r) { r.n = 0; });
  expect_refused("n", [](Request& r) { r.n = 9; });
  expect_refused("n", [](Request& r) { r.n = 129; });
  expect_refused("temperature", [](Request& r) { r.sampling.temperature = -0.1f; });
  expect_refused("temperature", [](Request& r) { r.sampling.temperature = std::nanf(""); });
  expect_refused("temperature", [](Request& r) { r.sampling.temperature = INFINITY; });
  expect_refused("top_k", [](Request& r) { r.sampling.top_k = -2; });
  expect_refused("top_p", [](Request& r) { r.sampling.top_p = 0; });
  expect_refused("allowed_token_ids", [](Request& r) { r.sampling.allowed_tokens = {100}; });
  expect_refused("bad_words", [](Request& r) { r.sampling.bad_words = {{1}, {}}; });
  expect_refused("bad_words", [](Request& r) { r.sampling.bad_words = {{-1}}; });
  expect_refused("xtc_probability", [](Request& r) { r.sampling.xtc_probability = 1.5f; });
  expect_refused("dry_base", [](Request& r) { r.sampling.dry_base = 0; });
  expect_refused("mirostat", [](Request& r) { r.sampling.mirostat = 3; });
  expect_refused("prompt_logprobs", [](Request& r) { r.prompt_logprobs = 21; });
  expect_refused("deadline_ms", [](Request& r) { r.deadline_s = -1; });
  expect_refused("top_p", [](Request& r) { r.sampling.top_p = 1.5f; });
  expect_refused("min_p", [](Request& r) { r.sampling.min_p = -1; });
  expect_refused("typical_p", [](Request& r) { r.sampling.typical_p = 0; });
  expect_refused("repetition_penalty", [](Request& r) { r.sampling.repetition_penalty = 0; });
  expect_refused("presence_penalty", [](Request& r) { r.sampling.presence_penalty = 3; });
  expect_refused("frequency_penalty", [](Request& r) { r.sampling.frequency_penalty = -3; });
  expect_refused("logit_bias", [](Request& r) { r.sampling.logit_bias[100] = 0; });
  expect_refused("logit_bias", [](Request& r) { r.sampling.logit_bias[1] = std::nanf(""); });
  expect_refused("logprobs", [](Request& r) { r.sampling.logprobs = 21; });
  expect_refused("max_tokens", [](Request& r) { r.sampling.max_tokens = -2; });
  expect_refused("min_tokens", [](Request& r) { r.sampling.min_tokens = -1; });
  expect_refused("min_tokens", [](Request& r) {
    r.sampling.max_tokens = 4;
    r.sampling.min_tokens = 5;
  });
  expect_refused("stop_token_ids", [](Request& r) { r.sampling.stop_tokens = {100}; });
}

TEST(Validate, TooLongAPromptGetsBothNumbers) {
  Request r = good();
  r.prompt.assign(40, 1);
  try {
    validate(r, kLimits);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), "context_length_exceeded");
    EXPECT_NE(std::string(e.what()).find("32"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("40"), std::string::npos);
  }
  r.prompt.assign(32, 1);   // no room for a single token of output
  EXPECT_THROW(validate(r, kLimits), Error);
  r.sampling.max_tokens = 0;
  EXPECT_NO_THROW(validate(r, kLimits));
}

}  // namespace
}  // namespace strata::engine
