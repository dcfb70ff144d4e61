// One answer of a model, printed by every API: reasoning, text, calls; streamed and in one piece.
#include <sstream>

#include "serve/answer_json.h"
#include "serve/testing/served_test.h"

namespace strata::serve {
namespace {

using testing::Answer;

/// A template of the form of Qwen 3, by which the reading of answers is chosen.
const char* const thinking_template =
    "{% for m in messages %}[{{ m.role }}"
    "{% if m.name %} {{ m.name }}{% endif %}]"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.id }} {{ c.function.name }} "
    "{{ c.function.arguments | tojson }}</tool_call>{% endfor %}"
    "{% if m.tool_call_id %} {{ m.tool_call_id }}{% endif %}{% endfor %}"
    "{% for t in tools or [] %}(tool {{ t.function.name }}){% endfor %}"
    "{% if enable_thinking is defined %}(thinking {{ 'on' if enable_thinking else 'off' }})"
    "{% endif %}"
    "[assistant]";

const std::string answer_text =
    "<think>hmm, Rome</think>\n\nLooking.\n<tool_call>\n"
    "{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\", \"days\": 2}}\n</tool_call>\n"
    "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>";
const Json weather_arguments = {{"city", "Rome"}, {"days", 2}};

/// What an API said: reasoning, text, and names and arguments of calls.
struct Said {
  std::string reasoning, text, finish;
  std::vector<std::pair<std::string, Json>> calls;
  std::vector<std::string> ids;

  void expect_all(const std::string& finish_name) const {
    EXPECT_EQ(reasoning, "hmm, Rome");
    EXPECT_EQ(text, "Looking.");
    EXPECT_EQ(finish, finish_name);
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].first, "weather");
    EXPECT_EQ(calls[0].second, weather_arguments);
    EXPECT_EQ(calls[1].first, "time");
    EXPECT_EQ(calls[1].second, Json::object());
    ASSERT_EQ(ids.size(), 2u);
    EXPECT_NE(ids[0], ids[1]);
  }
};

class AnswersTest : public testing::ServedTest {
 protected:
  void serve(const std::string& answer = answer_text) {
    backend->chat = std::make_unique<model::ChatTemplate>(thinking_template);
    backend->answer = answer;
    backend->max_model_len = 2000;
    start({}, false);
  }
  std::string prompt() {
    return fleet::testing::ByteTokenizer().decode(script->seen().back().prompt, false);
  }
  /// The data of server-sent events.
  static std::vector<Json> data(const std::string& body) {
    constexpr std::string_view mark = "\ndata: ";
    std::vector<Json> list;
    for (size_t at = 0; (at = body.find(mark, at)) != body.npos;) {
      const size_t end = body.find("\n\n", at);
      list.push_back(Json::parse(body.substr(at + mark.size(), end - at - mark.size())));
      at = end;
    }
    return list;
  }
  static std::vector<Json> lines(const std::string& body) {
    std::vector<Json> list;
    std::istringstream in(body);
    for (std::string line; std::getline(in, line);) list.push_back(Json::parse(line));
    return list;
  }
};

const std::string openai_tools =
    R"("tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}},
      {"type":"function","function":{"name":"time"}}])";
const std::string chat_body =
    R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":500,)" + openai_tools;
const std::string messages_body =
    R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":500,
      "thinking":{"type":"enabled","budget_tokens":1024},
      "tools":[{"name":"weather","input_schema":{"type":"object"}},{"name":"time"}])";
const std::string responses_body =
    R"({"input":"hi","tools":[{"type":"function","name":"weather","parameters":{"type":"object"}},
      {"type":"function","name":"time"}])";

TEST_F(AnswersTest, Chat) {
  serve();
  const Answer a = post("/v1/chat/completions", chat_body + "}");
  ASSERT_EQ(a.status, 200) << a.body;
  const Json& message = a.json["choices"][0]["message"];
  Said whole{message["reasoning"], message["content"], a.json["choices"][0]["finish_reason"], {},
             {}};
  for (const Json& call : message["tool_calls"]) {
    whole.calls.emplace_back(call["function"]["name"].get<std::string>(),
                             Json::parse(call["function"]["arguments"].get<std::string>()));
    whole.ids.push_back(call["id"].get<std::string>());
  }
  whole.expect_all("tool_calls");
  const int reasoning = a.json["usage"]["completion_tokens_details"]["reasoning_tokens"];
  EXPECT_GE(reasoning, 9);   // bytes of the reasoning, with its marks or without
  EXPECT_LE(reasoning, 32);

  Said streamed;
  std::vector<std::string> arguments;
  for (const Json& chunk : events(post("/v1/chat/completions", chat_body + R"(,"stream":true})")
                                      .body)) {
    const Json& choice = chunk["choices"][0];
    streamed.text += choice["delta"].value("content", "");
    streamed.reasoning += choice["delta"].value("reasoning_content", "");
    for (const Json& call : choice["delta"].value("tool_calls", Json::array())) {
      if (call.contains("id")) {
        EXPECT_EQ(call["index"], streamed.ids.size());
        streamed.ids.push_back(call["id"].get<std::string>());
        streamed.calls.emplace_back(call["function"]["name"].get<std::string>(), Json());
        arguments.emplace_back();
      }
      arguments.back() += call["function"]["arguments"].get<std::string>();
    }
    if (choice["finish_reason"].is_string()) streamed.finish = choice["finish_reason"];
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    streamed.calls[i].second = Json::parse(arguments[i]);
  streamed.expect_all("tool_calls");
}

TEST_F(AnswersTest, Anthropic) {
  serve();
  const Answer a = post("/v1/messages", messages_body + "}");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(prompt(), "[user]hi(tool weather)(tool time)(thinking on)[assistant]");
  const auto gather = [](const Json& blocks, const Json& stop_reason) {
    Said said{{}, {}, stop_reason, {}, {}};
    for (const Json& block : blocks) {
      if (block["type"] == "thinking") said.reasoning += block["thinking"];
      if (block["type"] == "text") said.text += block["text"];
      if (block["type"] != "tool_use") continue;
      EXPECT_TRUE(block["id"].get<std::string>().starts_with("toolu_"));
      said.calls.emplace_back(block["name"].get<std::string>(), block["input"]);
      said.ids.push_back(block["id"].get<std::string>());
    }
    return said;
  };
  ASSERT_EQ(a.json["content"].size(), 4u);
  EXPECT_EQ(a.json["content"][0]["type"], "thinking");
  gather(a.json["content"], a.json["stop_reason"]).expect_all("tool_use");

  Json blocks = Json::array(), stop_reason;
  std::vector<std::string> inputs;
  bool open = false;
  for (const Json& e : data(post("/v1/messages", messages_body + R"(,"stream":true})").body)) {
    if (e["type"] == "content_block_start") {
      EXPECT_FALSE(std::exchange(open, true));
      EXPECT_EQ(e["index"], blocks.size());
      blocks.push_back(e["content_block"]);
      inputs.emplace_back();
    } else if (e["type"] == "content_block_stop") {
      EXPECT_TRUE(std::exchange(open, false));
      if (blocks.back()["type"] == "tool_use") blocks.back()["input"] = Json::parse(inputs.back());
    } else if (e["type"] == "content_block_delta") {
      EXPECT_EQ(e["index"].get<size_t>() + 1, blocks.size());
      const Json& delta = e["delta"];
      if (delta["type"] == "input_json_delta") inputs.back() += delta["partial_json"];
      for (const char* name : {"text", "thinking"})
        if (delta.contains(name))
          blocks.back()[name] = blocks.back()[name].get<std::string>() +
                                delta[name].get<std::string>();
    } else if (e["type"] == "message_delta") {
      stop_reason = e["delta"]["stop_reason"];
    }
  }
  EXPECT_FALSE(open);
  gather(blocks, stop_reason).expect_all("tool_use");
}

TEST_F(AnswersTest, AnthropicThinksWhenAskedTo) {
  serve("<think>deep</think>\n\nplain");
  const Answer a = post("/v1/messages",
                        R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":99})");
  EXPECT_EQ(prompt(), "[user]hi(thinking off)[assistant]");
  EXPECT_EQ(a.json["content"], Json::parse(R"([{"type":"text","text":"plain"}])"));
  EXPECT_EQ(post("/v1/messages", R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":99,
      "thinking":{"type":"perhaps"}})").status, 400);
}

TEST_F(AnswersTest, AnthropicResultsAndChoice) {
  serve("fine");
  const std::string rest = R"("max_tokens":99,"tools":[{"name":"weather"},{"name":"time"}],
    "messages":[{"role":"user","content":"hi"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},
        {"type":"tool_use","id":"t1","name":"weather","input":{"city":"Rome"}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1",
        "content":[{"type":"text","text":"21"}]},{"type":"text","text":"and?"}]}])";
  ASSERT_EQ(post("/v1/messages", "{" + rest + R"(,"tool_choice":{"type":"none"}})").status, 200);
  EXPECT_EQ(prompt(), "[user]hi[assistant]<think>hm</think><tool_call>t1 weather "
                      "{\"city\": \"Rome\"}</tool_call>[tool]21 t1[user]and?"
                      "(thinking off)[assistant]");
  EXPECT_EQ(post("/v1/messages", "{" + rest + R"(,"tool_choice":{"type":"tool","name":"no"}})")
                .status, 400);
  const Answer any = post("/v1/messages", "{" + rest + R"(,"tool_choice":{"type":"any"}})");
  EXPECT_EQ(any.status, 200) << any.body;
  EXPECT_NE(script->seen().back().constraint, nullptr);
}

TEST_F(AnswersTest, Ollama) {
  serve();
  const std::string body = R"({"messages":[{"role":"user","content":"hi"}],"think":true,
      "options":{"num_predict":500},)" + openai_tools;
  const Answer a = post("/api/chat", body + R"(,"stream":false})");
  ASSERT_EQ(a.status, 200) << a.body;
  const auto add = [](Said& said, const Json& message) {
    said.text += message.value("content", "");
    said.reasoning += message.value("thinking", "");
    for (const Json& call : message.value("tool_calls", Json::array())) {
      said.calls.emplace_back(call["function"]["name"].get<std::string>(),
                              call["function"]["arguments"]);
      said.ids.push_back(call["id"].get<std::string>());
    }
  };
  Said whole, streamed;
  add(whole, a.json["message"]);
  whole.finish = a.json["done_reason"];
  whole.expect_all("stop");
  const auto streamed_lines = lines(post("/api/chat", body + "}").body);
  for (const Json& line : streamed_lines) add(streamed, line["message"]);
  EXPECT_EQ(streamed_lines.back()["done"], true);
  EXPECT_EQ(streamed_lines.back()["message"]["content"], "");
  streamed.finish = streamed_lines.back()["done_reason"];
  streamed.expect_all("stop");

  const Answer generated = post("/api/generate", R"({"prompt":"hi","stream":false})");
  EXPECT_EQ(generated.json["thinking"], "hmm, Rome");
  EXPECT_TRUE(generated.json["response"].get<std::string>().starts_with("Looking.\n<tool_call>"));
}

TEST_F(AnswersTest, OllamaHistoryLogprobsAndFormat) {
  serve("{}");
  // Calls and results without ids belong together by their order.
  const Answer a = post("/api/chat", R"({"stream":false,"logprobs":true,"top_logprobs":1,
    "format":{"type":"object"},"messages":[{"role":"user","content":"hi"},
    {"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":{"x":1}}},
      {"function":{"name":"b","arguments":{}}}]},
    {"role":"tool","tool_name":"a","content":"1"},
    {"role":"tool","tool_name":"b","content":"2"}]})");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(prompt(), "[user]hi[assistant]<tool_call>call00000 a {\"x\": 1}</tool_call>"
                      "<tool_call>call00001 b {}</tool_call>[tool a]1 call00000"
                      "[tool b]2 call00001[assistant]");
  EXPECT_NE(script->seen().back().constraint, nullptr);
  ASSERT_EQ(a.json["logprobs"].size(), 2u);
  EXPECT_EQ(a.json["logprobs"][0]["token"], "{");
  EXPECT_EQ(a.json["logprobs"][0]["top_logprobs"].size(), 1u);
}

TEST_F(AnswersTest, OllamaThinkNeedsAModelThatDoes) {
  start();
  const Answer a =
      post("/api/chat", R"({"think":true,"messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(a.status, 400);
  EXPECT_NE(a.body.find("think"), std::string::npos);
  EXPECT_EQ(post("/api/chat", R"({"think":false,"messages":[{"role":"user","content":"x"}]})")
                .status, 200);
}

Said said_by(const Json& response) {
  Said said;
  for (const Json& item : response["output"]) {
    EXPECT_EQ(item["status"], "completed");
    if (item["type"] == "reasoning") said.reasoning += item["content"][0]["text"];
    if (item["type"] == "message") said.text += item["content"][0]["text"];
    if (item["type"] != "function_call") continue;
    said.calls.emplace_back(item["name"].get<std::string>(),
                            Json::parse(item["arguments"].get<std::string>()));
    said.ids.push_back(item["call_id"].get<std::string>());
  }
  said.finish = response["status"];
  return said;
}

TEST_F(AnswersTest, Responses) {
  serve();
  const Answer a = post("/v1/responses", responses_body + "}");
  ASSERT_EQ(a.status, 200) << a.body;
  said_by(a.json).expect_all("completed");
  EXPECT_GT(a.json["usage"]["output_tokens_details"]["reasoning_tokens"], 0);

  // The events build the same object.
  Json output = Json::array(), end;
  for (const Json& e : data(post("/v1/responses", responses_body + R"(,"stream":true})").body)) {
    const std::string type = e["type"];
    if (type == "response.output_item.added") {
      EXPECT_EQ(e["output_index"], output.size());
      EXPECT_EQ(e["item"]["status"], "in_progress");
      output.push_back(e["item"]);
    } else if (type.ends_with(".delta")) {
      Json& item = output[e["output_index"].get<size_t>()];
      EXPECT_EQ(e["item_id"], item["id"]);
      Json& text = type.starts_with("response.function_call_arguments")
                       ? item["arguments"] : item["content"][0]["text"];
      text = text.get<std::string>() + e["delta"].get<std::string>();
    } else if (type == "response.content_part.added") {
      output[e["output_index"].get<size_t>()]["content"].push_back(e["part"]);
    } else if (type == "response.output_item.done") {
      output[e["output_index"].get<size_t>()]["status"] = "completed";
      EXPECT_EQ(output[e["output_index"].get<size_t>()], e["item"]);
    } else if (type == "response.completed") {
      end = e["response"];
    }
  }
  EXPECT_EQ(end["output"], output);
  said_by(end).expect_all("completed");
}

TEST_F(AnswersTest, ResponsesGoOnAfterCalls) {
  serve();
  const Answer first = post("/v1/responses", responses_body + "}");
  script->answer = "warm";
  const std::string call_id = said_by(first.json).ids.at(0), id = first.json["id"];
  const Answer second = post("/v1/responses", R"({"previous_response_id":")" + id +
      R"(","input":[{"type":"function_call_output","call_id":")" + call_id +
      R"(","output":"21"}]})");
  ASSERT_EQ(second.status, 200) << second.body;
  const std::string kept = prompt();
  EXPECT_NE(kept.find("<think>hmm, Rome</think>Looking.<tool_call>" + call_id +
                      " weather {\"city\": \"Rome\", \"days\": 2}</tool_call>"),
            std::string::npos) << kept;
  EXPECT_NE(kept.find("[tool]21 " + call_id), std::string::npos) << kept;
  EXPECT_EQ(said_by(second.json).text, "warm");

  // The same told by the client instead of kept here.
  Json input = Json::array({{{"role", "user"}, {"content", "hi"}}});
  for (const Json& item : first.json["output"]) input.push_back(item);
  input.push_back({{"type", "function_call_output"}, {"call_id", call_id}, {"output", "21"}});
  ASSERT_EQ(post("/v1/responses", to_text({{"input", input}})).status, 200);
  EXPECT_EQ(prompt(), kept);
}

TEST_F(AnswersTest, ACallThatIsCutOff) {
  serve();
  const size_t cut = answer_text.find("\"days\"");
  const std::string most = std::to_string(cut);
  const Answer chat = post("/v1/chat/completions",
                           R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":)" + most +
                               "," + openai_tools + "}");
  EXPECT_EQ(chat.json["choices"][0]["finish_reason"], "length");
  const Answer messages = post("/v1/messages", R"({"messages":[{"role":"user","content":"hi"}],
      "tools":[{"name":"weather"},{"name":"time"}],"max_tokens":)" + most + "}");
  EXPECT_EQ(messages.json["stop_reason"], "max_tokens");
  EXPECT_EQ(messages.json["content"].back()["input"], Json::object());
  const Answer ollama = post("/api/chat", R"({"messages":[{"role":"user","content":"hi"}],
      "stream":false,"options":{"num_predict":)" + most + "}," + openai_tools + "}");
  EXPECT_EQ(ollama.json["done_reason"], "length");
  EXPECT_FALSE(ollama.json["message"].contains("tool_calls"));
  const Answer response = post("/v1/responses", responses_body + R"(,"max_output_tokens":)" + most +
                                                    "}");
  EXPECT_EQ(response.json["status"], "incomplete");
  EXPECT_EQ(response.json["output"].back()["status"], "incomplete");
  EXPECT_EQ(response.json["output"][0]["status"], "completed");
}

TEST(PartReader, OneBlockIsOpenAtATimeHoweverTheTextIsSplit) {
  const ReadingOptions options = {.parser = {.form = dialect::find_form("hermes"),
                                             .reasoning = dialect::find_reasoning("qwen3")}};
  for (size_t split = 0; split <= answer_text.size(); ++split) {
    PartReader reader(options);
    std::string texts[4];
    const Block* open = nullptr;
    for (const bool last : {false, true}) {
      const auto text = last ? answer_text.substr(split) : answer_text.substr(0, split);
      for (const Part& part : reader.push(text, last)) {
        if (part.step == Part::Step::open) {
          ASSERT_EQ(std::exchange(open, part.block), nullptr);
        }
        ASSERT_EQ(part.block, open);
        if (part.step == Part::Step::add)
          texts[static_cast<size_t>(part.block->index)] += part.text;
        if (part.step == Part::Step::close) open = nullptr;
      }
    }
    ASSERT_EQ(open, nullptr);
    ASSERT_EQ(reader.blocks().size(), 4u) << split;
    for (const Block& block : reader.blocks())
      EXPECT_EQ(texts[static_cast<size_t>(block.index)], block.text);
    EXPECT_EQ(joined(reader.blocks(), Block::Kind::text), "Looking.");
  }
}

}  // namespace
}  // namespace strata::serve
