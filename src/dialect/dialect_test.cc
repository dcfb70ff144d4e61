// Recorded calls of published chat templates, whole and in pieces; hostile text; streamed calls.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>

#include "dialect/parser.h"
#include "dialect/text.h"
#include "model/testing/files.h"

#ifndef STRATA_TEST_SHORT
#define STRATA_TEST_SHORT 0
#endif

namespace strata::dialect {
namespace {

using Json = nlohmann::json;
using model::testing::golden;
using model::testing::read_text;
using model::testing::real_model;

/// What the samples' tools declare.
ToolTypes sample_types() {
  return {.type =
              [](std::string_view, std::string_view parameter) {
                return parameter == "city" || parameter == "query" ? ParameterType::text
                                                                   : ParameterType::other;
              },
          .names =
              [](std::string_view tool) {
                return tool == "find" ? std::vector<std::string>{"query", "tags", "exact"}
                                      : std::vector<std::string>{"city", "days"};
              }};
}

struct Call {
  std::string name, arguments, id;
};
struct Answer {
  std::string content, reasoning;
  std::vector<Call> calls;
  int pieces = 0;  // of arguments
};

void add(const Events& events, Answer& answer) {
  for (const Event& e : events) switch (e.kind) {
      case Event::Kind::content: answer.content += e.text; break;
      case Event::Kind::reasoning: answer.reasoning += e.text; break;
      case Event::Kind::call:
        EXPECT_EQ(e.call, int(answer.calls.size()));
        answer.calls.push_back({e.text, {}, e.id});
        break;
      case Event::Kind::arguments:
        ASSERT_EQ(e.call, int(answer.calls.size()) - 1);
        answer.calls.back().arguments += e.text;
        ++answer.pieces;
    }
}

/// Parts of `sizes` bytes, the last size again and again.
Answer parse(const ParserOptions& options, std::string_view text, std::vector<size_t> sizes) {
  Answer answer;
  auto parser = make_parser(options);
  EXPECT_TRUE(parser);
  for (size_t at = 0, i = 0; at < text.size(); ++i) {
    const size_t n =
        std::min(std::max<size_t>(sizes[std::min(i, sizes.size() - 1)], 1), text.size() - at);
    Events events;
    parser->push(text.substr(at, n), events);
    add(events, answer);
    at += n;
  }
  Events events;
  parser->finish(events);
  add(events, answer);
  return answer;
}

Answer parse(const ParserOptions& options, std::string_view text) {
  return parse(options, text, {text.size()});
}

ParserOptions options_of(std::string_view form) {
  ParserOptions options;
  options.form = find_form(form);
  EXPECT_TRUE(options.form) << form;
  options.types = sample_types();
  return options;
}

void expect_calls(const Answer& answer, const Json& calls, const std::string& where) {
  ASSERT_EQ(answer.calls.size(), calls.size()) << where << "\ncontent: " << answer.content;
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(answer.calls[i].name, calls[i]["name"].get<std::string>()) << where;
    const Json arguments = Json::parse(answer.calls[i].arguments, nullptr, false);
    EXPECT_EQ(arguments, calls[i]["arguments"]) << where << "\n" << answer.calls[i].arguments;
  }
}

struct Sample {
  std::string name, form, text, content, reasoning = {};
  Json calls;
};

const Json kOne =
    Json::parse(R"([{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}])");
const Json kTwo = Json::parse(R"([{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}},
    {"name": "find", "arguments": {"query": "a)b", "tags": ["x"], "exact": true}}])");

/// Forms that no template writes by itself, and variants that models are known to write.
std::vector<Sample> written_samples() {
  return {
      {"llama", "llama3_json",
       R"({"name": "get_weather", "parameters": {"city": "Rome", "days": 3}})", "", "", kOne},
      {"llama tag", "llama3_json",
       R"(<|python_tag|>{"name": "get_weather", "parameters": {"city": "Rome", "days": 3}})", "",
       "", kOne},
      {"llama two", "llama3_json",
       R"({"name": "get_weather", "parameters": {"city": "Rome", "days": 3}}; )"
       R"({"name": "find", "parameters": {"query": "a)b", "tags": ["x"], "exact": true}})",
       "", "", kTwo},
      {"arguments first", "hermes",
       "<tool_call>{\"arguments\": {\"city\": \"Rome\", \"days\": 3}, \"name\": "
       "\"get_weather\"}</tool_call>",
       "", "", kOne},
      {"arguments as text", "hermes",
       "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Rome\\\", "
       "\\\"days\\\": 3}\"}\n</tool_call>",
       "", "", kOne},
      {"no close", "hermes",
       "Fine.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", "
       "\"days\": 3}}\n",
       "Fine.", "", kOne},
      {"text around", "hermes",
       "Look: <tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", \"days\": "
       "3}}"
       "</tool_call>\n\nDone.",
       "Look:Done.", "", kOne},
      {"no calls", "hermes", "a < b, <tool> and {\"x\": 1}\n", "a < b, <tool> and {\"x\": 1}\n", "",
       Json::array()},
      {"not a call", "hermes", "<tool_call>what?</tool_call>", "<tool_call>what?</tool_call>", "",
       Json::array()},
      {"bare json text", "llama3_json", "{\"answer\": 42}", "{\"answer\": 42}", "", Json::array()},
      {"reasoning", "hermes",
       "<think>\nSo <tool_call> it is.\n</think>\n\n<tool_call>\n{\"name\": \"get_weather\", "
       "\"arguments\": {\"city\": \"Rome\", \"days\": 3}}\n</tool_call>",
       "", "So <tool_call> it is.", kOne},
      {"granite 3", "granite",
       R"(<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}])", "",
       "", kOne},
      {"phi", "phi4_mini_json",
       R"(functools[{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}])", "", "",
       kOne},
      {"plain list", "json",
       R"([{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}, )"
       R"({"name": "find", "arguments": {"query": "a)b", "tags": ["x"], "exact": true}}])",
       "", "", kTwo},
      {"mistral without ARGS", "mistral_v11",
       R"([TOOL_CALLS]get_weather{"city": "Rome", "days": 3})", "", "", kOne},
      {"deepseek r1", "deepseek_v3",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
       "{\"city\": \"Rome\", \"days\": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "", "", kOne},
      {"pythonic", "pythonic",
       "[get_weather(city='Rome', days=3), find(query=\"a)b\", tags=['x'], exact=True)]", "", "",
       kTwo},
      {"pythonic positions", "pythonic", "[get_weather('Rome', days=3)]", "", "", kOne},
      {"pythonic tokens", "pythonic",
       "<|python_start|>[get_weather(city='Rome', days=3)]<|python_end|>", "", "", kOne},
      {"pythonic list text", "pythonic", "[1, 2, 3] is a list", "[1, 2, 3] is a list", "",
       Json::array()},
      {"gemma code", "gemma_tool_code",
       "Sure.\n```tool_code\nget_weather(city='Rome', days=3)\n```", "Sure.", "", kOne},
      {"qwen coder", "qwen3_coder",
       "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n"
       "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
       "", "", kOne},
      {"glm", "glm45",
       "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n"
       "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
       "", "", kOne},
      {"kimi", "kimi_k2",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
       "<|tool_call_argument_begin|>{\"city\": \"Rome\", \"days\": 3}<|tool_call_end|>"
       "<|tool_calls_section_end|>",
       "", "", kOne},
      {"nemotron", "nemotron_json",
       R"(<TOOLCALL>[{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}])"
       "</TOOLCALL>",
       "", "", kOne},
      {"lfm", "lfm2", "<|tool_call_start|>[get_weather(city='Rome', days=3)]<|tool_call_end|>Wait.",
       "Wait.", "", kOne},
      {"gemma 4", "gemma4",
       "<|tool_call>call:get_weather{city:<|\"|>Rome<|\"|>,days:3}<tool_call|>"
       "<|tool_call>call:find{query:<|\"|>a)b<|\"|>,tags:[<|\"|>x<|\"|>],exact:true}<tool_call|>",
       "", "", kTwo},
      {"function gemma", "functiongemma",
       "<start_function_call>call:get_weather{city:<escape>Rome<escape>,days:3}<end_function_call>",
       "", "", kOne},
      {"harmony", "openai",
       "<|channel|>analysis<|message|>User asks.<|end|><|start|>assistant<|channel|>commentary "
       "to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Rome\", \"days\": 3}",
       "", "User asks.", kOne},
      {"harmony recipient in role", "openai",
       "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.get_weather"
       "<|channel|>commentary json<|message|>{\"city\": \"Rome\", \"days\": 3}<|call|>",
       "", "Hm.", kOne},
      {"harmony final", "openai",
       "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>Hi "
       "there",
       "Hi there", "Easy.", Json::array()},
      {"harmony without header", "openai", "Hi there", "Hi there", "", Json::array()},
  };
}

ParserOptions options_of(const Sample& sample) {
  ParserOptions options = options_of(sample.form);
  if (options.form->head != Form::Head::harmony) options.reasoning = find_reasoning("deepseek_r1");
  return options;
}

void expect_sample(const Sample& sample, const Answer& answer, const std::string& where) {
  expect_calls(answer, sample.calls, where);
  EXPECT_EQ(answer.content, sample.content) << where;
  EXPECT_EQ(answer.reasoning, sample.reasoning) << where;
}

TEST(Dialect, WrittenSamplesSplitAnywhere) {
  for (const Sample& sample : written_samples()) {
    const ParserOptions options = options_of(sample);
    expect_sample(sample, parse(options, sample.text), sample.name);
    for (size_t at = 1; at < sample.text.size(); ++at)
      expect_sample(sample, parse(options, sample.text, {at, sample.text.size()}),
                    sample.name + " at " + std::to_string(at));
    expect_sample(sample, parse(options, sample.text, {1}), sample.name + " byte by byte");
    if (HasFailure()) return;
  }
}

TEST(Dialect, TemplatesAreRecognisedAndTheirCallsRead) {
  const Json samples = Json::parse(read_text(golden("dialect/samples.json")));
  ASSERT_GT(samples.size(), 100u);
  for (const Json& sample : samples) {
    const std::string file = sample["template"],
                      where = file + " " + sample["case"].get<std::string>();
    const Form* form = detect_form(read_text(real_model("templates/" + file)));
    ASSERT_TRUE(form) << where;
    ParserOptions options{.form = form, .reasoning = nullptr, .types = sample_types()};
    const std::string text = sample["text"];
    auto check = [&](const Answer& answer) {
      expect_calls(answer, sample["calls"], where + " as " + std::string(form->name) + "\n" + text);
      EXPECT_EQ(trim(answer.content), sample["content"].get<std::string>()) << where << "\n"
                                                                            << text;
    };
    check(parse(options, text));
    for (size_t at = 1; at < text.size(); at += STRATA_TEST_SHORT ? 7 : 1)
      check(parse(options, text, {at, text.size()}));
    check(parse(options, text, {1}));
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Dialect, ReasoningOfTemplates) {
  EXPECT_STREQ(detect_reasoning("{{ '<think>' }} </think>")->end.data(), "</think>");
  EXPECT_EQ(detect_reasoning("plain {{ messages }}"), nullptr);
  const Reasoning& r = *find_reasoning("qwen3");
  EXPECT_EQ(start_after(r, "<|assistant|>\n<think>\n"), Start::inside);
  EXPECT_EQ(start_after(r, "<|assistant|>\n<think>\n\n</think>\n\n"), Start::closed);
  EXPECT_EQ(start_after(r, "<|assistant|>\n"), Start::open);
}

TEST(Dialect, ReasoningWhereThePromptBeganIt) {
  ParserOptions options{
      .form = nullptr, .reasoning = find_reasoning("deepseek_r1"), .start = Start::inside};
  const std::string text = "Let me see.\n\n</think>\n\n  Yes.\n";
  for (size_t at = 1; at < text.size(); ++at) {
    const Answer a = parse(options, text, {at, text.size()});
    EXPECT_EQ(a.reasoning, "Let me see.");
    EXPECT_EQ(a.content, "Yes.\n");
  }
  EXPECT_EQ(parse(options, "cut off").reasoning, "cut off");
  EXPECT_EQ(parse(options, "<think>twice</think>x").reasoning, "twice");
  options.start = Start::closed;
  EXPECT_EQ(parse(options, "<think> here").content, "<think> here");
  options.start = Start::open;
  EXPECT_EQ(parse(options, " plain ").content, " plain ");
}

/// Deltas of 1 to 8 "tokens" of 1 to 6 bytes: arguments arrive in pieces and are valid.
TEST(Dialect, StreamedCallsAreValid) {
  std::mt19937 random(5);
  const char* forms[] = {"hermes", "llama3_json", "mistral", "qwen3_coder", "deepseek_v31"};
  int valid = 0, streamed = 0;
  for (int i = 0; i < 250; ++i) {
    Json arguments = {
        {"city", std::string(1 + random() % 40, 'a' + char(random() % 26)) + "\"\\ü\n{}"},
        {"days", int(random() % 1000)}};
    const std::string json = arguments.dump();
    const std::string form = forms[i % 5];
    std::string text;
    if (form == "hermes")
      text = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": " + json + "}\n</tool_call>";
    if (form == "llama3_json") text = "{\"name\": \"get_weather\", \"parameters\": " + json + "}";
    if (form == "mistral")
      text = "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": " + json + "}]";
    if (form == "qwen3_coder")
      text = "<tool_call>\n<function=get_weather>\n<parameter=city>\n" +
             arguments["city"].get<std::string>() + "\n</parameter>\n<parameter=days>\n" +
             arguments["days"].dump() + "\n</parameter>\n</function>\n</tool_call>";
    if (form == "deepseek_v31")
      text = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>" + json +
             "<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
    std::vector<size_t> sizes;
    const size_t tokens = 1 + i % 8;
    for (size_t k = 0; k < text.size(); ++k) {
      size_t n = 0;
      for (size_t t = 0; t < tokens; ++t) n += 1 + random() % 6;
      sizes.push_back(n);
    }
    const Answer a = parse(options_of(form), text, sizes);
    valid += a.calls.size() == 1 &&
             Json::parse(a.calls[0].arguments, nullptr, false) == arguments && a.content.empty();
    streamed += a.pieces > 1;
  }
  EXPECT_EQ(valid, 250);
  EXPECT_GT(streamed, 200);
}

/// Words are planted in mutated samples; none of them may be lost.
TEST(Dialect, HostileTextLosesNothing) {
  std::mt19937 random(11);
  const auto samples = written_samples();
  const int rounds = STRATA_TEST_SHORT ? 1000 : 10000;
  for (int i = 0; i < rounds; ++i) {
    const Sample& sample = samples[random() % samples.size()];
    std::string text = sample.text;
    for (int k = int(random() % 6); k >= 0 && !text.empty(); --k) {
      const size_t at = random() % text.size(), n = 1 + random() % 12;
      switch (random() % 4) {
        case 0: text.erase(at, n); break;
        case 1: text.insert(at, text.substr(random() % text.size(), n)); break;
        case 2: text[at] = static_cast<char>(random()); break;
        default: text.insert(at, samples[random() % samples.size()].text.substr(0, n * 4));
      }
    }
    std::vector<std::string> words;
    for (int k = 0; k < 3; ++k) {
      words.push_back("W" + std::to_string(i) + "q" + std::to_string(k) + "W");
      text.insert(text.empty() ? 0 : random() % text.size(), words.back());
    }
    // Words that the insertions themselves tore apart do not count.
    std::erase_if(words, [&](const std::string& w) { return text.find(w) == text.npos; });
    const Answer a = parse(options_of(sample), text, {1 + random() % 9});
    std::string all = a.content + a.reasoning;
    for (const Call& c : a.calls) all += c.name + c.arguments + c.id;
    for (const std::string& word : words)
      ASSERT_NE(all.find(word), std::string::npos) << sample.form << " lost " << word << " of\n"
                                                   << text << "\n-> " << all;
  }
}

TEST(Dialect, NestingHasALimit) {
  const std::string deep(100000, '[');
  const Answer a =
      parse(options_of("hermes"), "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": " + deep);
  EXPECT_EQ(a.calls.size(), 1u);
  parse(options_of("pythonic"), "[f(x=" + deep);
  parse(options_of("gemma4"), "<|tool_call>call:f{x:" + deep + "}<tool_call|>");
}

TEST(Dialect, NamesOfVllm) {
  for (const char* name :
       {"hermes",   "llama3_json", "llama4_json", "llama4_pythonic", "pythonic",
        "mistral",  "granite",     "qwen3_coder", "qwen3_xml",       "glm45",
        "glm47",    "minimax_m2",  "deepseek_v3", "deepseek_v31",    "deepseek_v32",
        "kimi_k2",  "openai",      "jamba",       "phi4_mini_json",  "xlam",
        "seed_oss", "olmo3",       "gemma4",      "functiongemma"})
    EXPECT_TRUE(find_form(name)) << name;
  for (const char* name : {"deepseek_r1", "qwen3", "mistral", "granite", "glm45", "seed_oss",
                           "kimi_k2", "minimax_m2", "olmo3", "hunyuan_a13b", "ernie45"})
    EXPECT_TRUE(find_reasoning(name)) << name;
  EXPECT_FALSE(find_form("nothing"));
}

}  // namespace
}  // namespace strata::dialect
