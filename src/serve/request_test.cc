// Validation of request bodies: what is accepted, and that every refusal names its field.
#include <gtest/gtest.h>

#include "serve/chat_request.h"
#include "serve/completion_request.h"
#include "fleet/testing/scripted_backend.h"

namespace strata::serve {
namespace {

const fleet::ModelCard card({"scripted", "/models/scripted.gguf", fleet::testing::n_vocab, 100},
                           "main");

const std::string chat_base = R"({"messages":[{"role":"user","content":"hi"}])";
const std::string text_base = R"({"prompt":"hi")";

ChatRequest chat(const std::string& more, const GenerationDefaults& defaults = {}) {
  return parse_chat_request(parse_json(chat_base + more + "}"), card, defaults);
}
CompletionRequest text(const std::string& more, const GenerationDefaults& defaults = {}) {
  return parse_completion_request(parse_json(text_base + more + "}"), card, defaults);
}

struct Refusal {
  std::string message, reason, param;
};
template <class F>
Refusal refusal(F&& parse) {
  try {
    parse();
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == Code::invalid_argument || e.code() == Code::not_found);
    return {e.what(), e.reason(), e.param()};
  }
  return {"accepted", "", "accepted"};
}

TEST(Request, CommonFieldsArrive) {
  for (const std::string& base : {chat_base, text_base}) {
    const std::string body = base + R"(,"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.05,
      "typical_p":0.7,"repetition_penalty":1.1,"presence_penalty":-1,"frequency_penalty":2,
      "logit_bias":{"5":-100,"259":3.5},"seed":-7,"n":3,"priority":-1,
      "deadline_ms":1500,"cache_salt":"s","min_tokens":2,"max_tokens":9,
      "stop":["a","b"],"stop_token_ids":[1,2],"ignore_eos":true,"include_stop_str_in_output":true,
      "skip_special_tokens":false,"stream":true,"stream_options":{"include_usage":true,
      "continuous_usage_stats":true},"response_format":{"type":"text"},"user":"u","unheard_of":1,
      "model":"alias"})";
    GenerationRequest r;
    const Json json = parse_json(body);
    if (&base == &chat_base || base == chat_base) r = parse_chat_request(json, card, {});
    else r = parse_completion_request(json, card, {});
    EXPECT_FLOAT_EQ(r.sampling.temperature, 0.5f);
    EXPECT_FLOAT_EQ(r.sampling.top_p, 0.9f);
    EXPECT_EQ(r.sampling.top_k, 40);
    EXPECT_FLOAT_EQ(r.sampling.min_p, 0.05f);
    EXPECT_FLOAT_EQ(r.sampling.typical_p, 0.7f);
    EXPECT_FLOAT_EQ(r.sampling.repetition_penalty, 1.1f);
    EXPECT_FLOAT_EQ(r.sampling.presence_penalty, -1);
    EXPECT_FLOAT_EQ(r.sampling.frequency_penalty, 2);
    EXPECT_EQ(r.sampling.logit_bias, (std::map<engine::Token, float>{{5, -100}, {259, 3.5f}}));
    EXPECT_EQ(r.sampling.seed, static_cast<uint64_t>(-7));
    EXPECT_EQ(r.n, 3);
    EXPECT_EQ(r.priority, -1);
    EXPECT_EQ(r.deadline_s, 1.5);
    EXPECT_EQ(r.cache_salt, "s");
    EXPECT_EQ(r.sampling.min_tokens, 2);
    EXPECT_EQ(r.sampling.max_tokens, 9);
    EXPECT_EQ(r.stop, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(r.sampling.stop_tokens, (std::vector<engine::Token>{1, 2}));
    EXPECT_TRUE(r.sampling.ignore_eos && r.include_stop && !r.skip_special && r.stream &&
                r.include_usage && r.continuous_usage);
  }
}

TEST(Request, SamplersBeyondTheOpenAiApiArrive) {
  const auto r = text(R"(,"top_n_sigma":1.5,"xtc_probability":0.5,"xtc_threshold":0.2,
      "dry_multiplier":0.8,"dry_base":2,"dry_allowed_length":3,"dry_penalty_last_n":64,
      "dry_sequence_breakers":["."],"mirostat":2,"mirostat_tau":4,"mirostat_eta":0.2,
      "bad_words":["a","b"],"allowed_token_ids":[5,6],"prompt_logprobs":3)");
  const engine::SamplingParams& s = r.sampling;
  EXPECT_FLOAT_EQ(s.top_n_sigma, 1.5f);
  EXPECT_FLOAT_EQ(s.xtc_probability, 0.5f);
  EXPECT_FLOAT_EQ(s.xtc_threshold, 0.2f);
  EXPECT_FLOAT_EQ(s.dry_multiplier, 0.8f);
  EXPECT_FLOAT_EQ(s.dry_base, 2);
  EXPECT_EQ(s.dry_allowed_length, 3);
  EXPECT_EQ(s.dry_penalty_last_n, 64);
  EXPECT_EQ(r.dry_sequence_breakers, std::vector<std::string>{"."});
  EXPECT_EQ(s.mirostat, 2);
  EXPECT_FLOAT_EQ(s.mirostat_tau, 4);
  EXPECT_FLOAT_EQ(s.mirostat_eta, 0.2f);
  EXPECT_EQ(r.bad_words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(s.allowed_tokens, (std::vector<engine::Token>{5, 6}));
  EXPECT_EQ(r.prompt_logprobs, 3);
}

TEST(Request, NullIsAbsent) {
  const auto r = chat(R"(,"temperature":null,"max_tokens":null,"stop":null,"stream_options":null,
      "response_format":null,"tools":null,"logit_bias":null,"guided_json":null,
      "tool_choice":null)");
  EXPECT_FLOAT_EQ(r.sampling.temperature, 1);
  EXPECT_EQ(r.sampling.max_tokens, -1);
  EXPECT_EQ(r.sampling.logprobs, -1);
  EXPECT_FALSE(r.sampling.seed);
}

TEST(Request, DefaultsOfTheServer) {
  EXPECT_EQ(text("").sampling.max_tokens, 16);
  const GenerationDefaults defaults{.temperature = 0.0f, .max_tokens = 50};
  EXPECT_EQ(text("", defaults).sampling.max_tokens, 50);
  EXPECT_EQ(chat("", defaults).sampling.max_tokens, 50);
  EXPECT_EQ(chat(R"(,"max_tokens":60)", defaults).sampling.max_tokens, 50);
  EXPECT_EQ(chat(R"(,"max_completion_tokens":40)", defaults).sampling.max_tokens, 40);
  EXPECT_FLOAT_EQ(chat("", defaults).sampling.temperature, 0);
  EXPECT_FLOAT_EQ(chat(R"(,"temperature":0.3)", defaults).sampling.temperature, 0.3f);
}

TEST(Request, EdgesAreAccepted) {
  for (const char* more :
       {R"(,"temperature":0)", R"(,"temperature":2)", R"(,"top_p":0)", R"(,"top_p":1)",
        R"(,"top_k":-1)", R"(,"n":128)", R"(,"n":1.0)", R"(,"stop":"x")", R"(,"stop":[])",
        R"(,"seed":18446744073709551615)", R"(,"suffix":"")", R"(,"use_beam_search":false)",
        R"(,"model":"main")", R"(,"model":"scripted")", R"(,"model":"/models/scripted.gguf")",
        R"(,"model":"scripted.gguf")", R"(,"model":"")", R"(,"min_tokens":16)"})
    EXPECT_NO_THROW(text(more)) << more;
  EXPECT_GT(text(R"(,"top_p":0)").sampling.top_p, 0);
  EXPECT_EQ(text(R"(,"top_k":-1)").sampling.top_k, 0);
  EXPECT_EQ(text(R"(,"echo":true,"max_tokens":0)").sampling.max_tokens, 0);
  EXPECT_EQ(text(R"(,"min_tokens":99)").sampling.min_tokens, 16);  // only the default is in the way
}

TEST(Request, RefusalsNameTheField) {
  struct Case {
    const char *more, *param;
    bool in_chat = true, in_text = true;
  };
  for (
      const Case& c : {
          Case{R"(,"temperature":-0.1)", "temperature"},
          {R"(,"temperature":2.1)", "temperature"},
          {R"(,"temperature":"hot")", "temperature"},
          {R"(,"temperature":true)", "temperature"},
          {R"(,"top_p":1.5)", "top_p"},
          {R"(,"top_p":-1)", "top_p"},
          {R"(,"top_k":-2)", "top_k"},
          {R"(,"top_k":1.5)", "top_k"},
          {R"(,"top_k":99999999999)", "top_k"},
          {R"(,"min_p":2)", "min_p"},
          {R"(,"deadline_ms":0)", "deadline_ms"},
          {R"(,"top_n_sigma":-1)", "top_n_sigma"},
          {R"(,"xtc_probability":1.1)", "xtc_probability"},
          {R"(,"xtc_threshold":"a")", "xtc_threshold"},
          {R"(,"dry_multiplier":-1)", "dry_multiplier"},
          {R"(,"dry_base":0.5)", "dry_base"},
          {R"(,"dry_allowed_length":0)", "dry_allowed_length"},
          {R"(,"dry_penalty_last_n":-2)", "dry_penalty_last_n"},
          {R"(,"dry_sequence_breakers":[1])", "dry_sequence_breakers[0]"},
          {R"(,"mirostat":3)", "mirostat"},
          {R"(,"mirostat_eta":2)", "mirostat_eta"},
          {R"(,"bad_words":[""])", "bad_words[0]"},
          {R"(,"bad_words":"x")", "bad_words"},
          {R"(,"allowed_token_ids":[])", "allowed_token_ids"},
          {R"(,"allowed_token_ids":[99999999])", "allowed_token_ids"},
          {R"(,"prompt_logprobs":21)", "prompt_logprobs"},
          {R"(,"prompt_logprobs":0,"stream":true)", "prompt_logprobs"},
          {R"(,"n":0)", "n"},
          {R"(,"n":129)", "n"},
          {R"(,"n":"1")", "n"},
          {R"(,"max_tokens":-5)", "max_tokens"},
          {R"(,"max_tokens":0)", "max_tokens"},
          {R"(,"max_tokens":1e30)", "max_tokens"},
          {R"(,"min_tokens":-1)", "min_tokens"},
          {R"(,"min_tokens":9,"max_tokens":8)", "min_tokens"},
          {R"(,"presence_penalty":3)", "presence_penalty"},
          {R"(,"frequency_penalty":-3)", "frequency_penalty"},
          {R"(,"repetition_penalty":0)", "repetition_penalty"},
          {R"(,"seed":1.5)", "seed"},
          {R"(,"seed":"x")", "seed"},
          {R"(,"stop":5)", "stop"},
          {R"(,"stop":[""])", "stop[0]"},
          {R"(,"stop":["a",1])", "stop[1]"},
          {R"(,"stop":"")", "stop"},
          {R"(,"stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15")"
           R"(,"16","17"])",
           "stop"},
          {R"(,"stop_token_ids":[-1])", "stop_token_ids[0]"},
          {R"(,"stop_token_ids":[260])", "stop_token_ids"},
          {R"(,"logit_bias":{"x":1})", "logit_bias"},
          {R"(,"logit_bias":{"-1":1})", "logit_bias"},
          {R"(,"logit_bias":{"260":1})", "logit_bias"},
          {R"(,"logit_bias":{"1":101})", "logit_bias[\"1\"]"},
          {R"(,"logit_bias":[1])", "logit_bias"},
          {R"(,"stream":1)", "stream"},
          {R"(,"stream_options":{"include_usage":true})", "stream_options"},
          {R"(,"stream":true,"stream_options":{"include_usage":1})",
           "stream_options.include_usage"},
          {R"(,"response_format":{"type":"yaml"})", "response_format.type"},
          {R"(,"response_format":{"type":"json_schema"})", "response_format.json_schema"},
          {R"(,"guided_regex":"a","guided_choice":["b"])", "guided_choice"},
          {R"(,"response_format":{})", "response_format.type"},
          {R"(,"response_format":"text")", "response_format"},
          {R"(,"grammar":5)", "grammar"},
          {R"(,"use_beam_search":true)", "use_beam_search"},
          {R"(,"model":5)", "model"},
          {R"(,"prompt":[])", "prompt", false},
          {R"(,"prompt":5)", "prompt", false},
          {R"(,"prompt":{"a":1})", "prompt", false},
          {R"(,"prompt":[1,"a"])", "prompt[1]", false},
          {R"(,"prompt":["a",1])", "prompt[1]", false},
          {R"(,"prompt":[1,-1])", "prompt[1]", false},
          {R"(,"prompt":[260])", "prompt", false},
          {R"(,"prompt":[[1],[260]])", "prompt", false},
          {R"(,"prompt":[[1],2])", "prompt[1]", false},
          {R"(,"prompt":[true])", "prompt[0]", false},
          {R"(,"suffix":"x")", "suffix", false},
          {R"(,"best_of":2)", "best_of", false},
          {R"(,"n":2,"best_of":1)", "best_of", false},
          {R"(,"logprobs":6)", "logprobs", false},
          {R"(,"logprobs":true)", "logprobs", false},
          {R"(,"echo":"yes")", "echo", false},
          {R"(,"logprobs":1)", "logprobs", true, false},
          {R"(,"top_logprobs":3)", "top_logprobs", true, false},
          {R"(,"logprobs":true,"top_logprobs":21)", "top_logprobs", true, false},
          {R"(,"max_tokens":5,"max_completion_tokens":6)", "max_tokens", true, false},
          {R"(,"messages":[])", "messages", true, false},
          {R"(,"messages":"hi")", "messages", true, false},
          {R"(,"messages":["hi"])", "messages[0]", true, false},
          {R"(,"messages":[{}])", "messages[0].role", true, false},
          {R"(,"messages":[{"role":"robot","content":""}])", "messages[0].role", true, false},
          {R"(,"messages":[{"role":"user"}])", "messages[0].content", true, false},
          {R"(,"messages":[{"role":"user","content":5}])", "messages[0].content", true, false},
          {R"(,"messages":[{"role":"user","content":[]}])", "messages[0].content", true, false},
          {R"(,"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
           R"({"url":"x"}}]}])",
           "messages[0].content[0].type", true, false},
          {R"(,"messages":[{"role":"user","content":[{"type":"text"}]}])",
           "messages[0].content[0].text", true, false},
          {R"(,"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f")"
           R"(,"arguments":"{"}}]}])",
           "messages[0].tool_calls[0].function.arguments", true, false},
          {R"(,"tools":[{"type":"function"}])", "tools[0].function", true, false},
          {R"(,"tools":[{"type":"search"}])", "tools[0].type", true, false},
          {R"(,"tool_choice":"auto")", "tool_choice", true, false},
          {R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"must")",
           "tool_choice", true, false},
          {R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":)"
           R"({"type":"function","function":{"name":"g"}})",
           "tool_choice", true, false},
          {R"(,"functions":[{"name":"f"}])", "functions", true, false},
          {R"(,"modalities":["audio"])", "modalities", true, false},
          {R"(,"chat_template":"x")", "chat_template", true, false},
          {R"(,"chat_template_kwargs":{"messages":[]})", "chat_template_kwargs", true, false},
          {R"(,"continue_final_message":true)", "continue_final_message", true, false},
          {R"(,"continue_final_message":true,"add_generation_prompt":true)",
           "continue_final_message", true, false},
      }) {
    // max_tokens 0 asks for nothing, but echo alone allows it in /v1/completions.
    if (c.in_chat) {
      const Refusal r = refusal([&] { chat(c.more); });
      EXPECT_EQ(r.param, c.param) << c.more << ": " << r.message;
      EXPECT_FALSE(r.reason.empty()) << c.more;
    }
    if (c.in_text) {
      const Refusal r = refusal([&] { text(c.more); });
      EXPECT_EQ(r.param, c.param) << c.more << ": " << r.message;
    }
  }
  EXPECT_EQ(refusal([] { parse_chat_request(parse_json("{}"), card, {}); }).param, "messages");
  EXPECT_EQ(refusal([] { parse_completion_request(parse_json("{}"), card, {}); }).param, "prompt");
  EXPECT_NE(refusal([] { parse_chat_request(parse_json("[]"), card, {}); }).message.find("object"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              chat(R"(,"messages":[{"role":"user","content":[{"type":"image_url"}]}])");
            }).message.find("text only"),
            std::string::npos);
}

TEST(Request, PromptForms) {
  auto prompts = [](const std::string& value) {
    return parse_completion_request(parse_json("{\"prompt\":" + value + "}"), card, {}).prompts;
  };
  using Ids = std::vector<engine::Token>;
  EXPECT_EQ(prompts(R"("a")"), (std::vector<PromptInput>{"a"}));
  EXPECT_EQ(prompts(R"(["a","b"])"), (std::vector<PromptInput>{"a", "b"}));
  EXPECT_EQ(prompts("[1,2]"), (std::vector<PromptInput>{Ids{1, 2}}));
  EXPECT_EQ(prompts("[[1],[2,3]]"), (std::vector<PromptInput>{Ids{1}, Ids{2, 3}}));
}

TEST(Request, MessagesAreBroughtIntoTheTemplatesForm) {
  const auto r = parse_chat_request(parse_json(R"({"messages":[
    {"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",
      "function":{"name":"f","arguments":"{\"x\":[1]}"}}]},
    {"role":"tool","tool_call_id":"1","content":"ok"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],
    "chat_template_kwargs":{"enable_thinking":false}})"), card, {});
  const Json& m = r.conversation.messages;
  EXPECT_EQ(m[0]["content"], "a\nb");
  EXPECT_TRUE(m[1]["content"].is_null());
  EXPECT_EQ(m[1]["tool_calls"][0]["function"]["arguments"]["x"][0], 1);
  EXPECT_EQ(r.conversation.tools.size(), 1u);
  EXPECT_EQ(r.conversation.kwargs["enable_thinking"], false);
}

TEST(Request, ToolsThatMayNotBeCalledAreNotShown) {
  const auto r = chat(
      R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none")");
  EXPECT_TRUE(r.conversation.tools.is_null());
}

}  // namespace
}  // namespace strata::serve
