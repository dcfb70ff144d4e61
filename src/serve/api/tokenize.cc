// POST /tokenize, /detokenize, /apply-template
#include "serve/chat_plan.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

struct TokenizeRequest {
  std::string model;
  std::optional<std::string> prompt;
  Conversation conversation;
  std::optional<bool> add_special;
  bool token_strs = false;
};

#define STRATA_SET(statement) [](TokenizeRequest& r, const Json& v) { statement; }
const Field<TokenizeRequest> tokenize_fields[] = {
    {"model", string(), STRATA_SET(r.model = v.get<std::string>())},
    {"prompt", string(), STRATA_SET(r.prompt = v.get<std::string>())},
    {"add_special_tokens", boolean(), STRATA_SET(r.add_special = v.get<bool>())},
    {"return_token_strs", boolean(), STRATA_SET(r.token_strs = v.get<bool>())},
};
#undef STRATA_SET

void tokenize(Call& call) {
  TokenizeRequest r;
  FieldReader()
      .with(std::span<const Field<TokenizeRequest>>(tokenize_fields), r)
      .with(conversation_fields(), r.conversation)
      .read(call.body);
  const bool chat = !r.conversation.messages.is_null();
  if (chat == r.prompt.has_value())
    bad_field("prompt", "give either 'prompt' or 'messages'",
              chat ? "invalid_value" : "missing_parameter");
  const model::Tokenizer& tokenizer = call.model->tokenizer();
  std::string text;
  if (chat) {
    complete_conversation(r.conversation);
    const ToolUse use = read_tool_use(r.conversation.tools, {}, true);
    text = prompt_text(std::move(r.conversation), use, *call.model);
  } else {
    text = std::move(*r.prompt);
  }
  // A template writes the special tokens itself.
  const auto ids = tokenizer.encode(text, {.add_special = r.add_special.value_or(!chat)});
  Json answer = {{"count", ids.size()},
                 {"max_model_len", call.card().max_model_len},
                 {"tokens", ids},
                 {"token_strs", nullptr}};
  if (r.token_strs) {
    Json& pieces = answer["token_strs"] = Json::array();
    for (model::Token id : ids) pieces.push_back(tokenizer.piece(id));
  }
  call.exchange->reply(200, "application/json", to_text(answer));
}

struct DetokenizeRequest {
  std::string model;
  std::optional<std::vector<model::Token>> tokens;
  bool skip_special = false;
};

void set_tokens(DetokenizeRequest& r, const Json& v) {
  r.tokens.emplace();
  for (size_t i = 0; i < v.size(); ++i) {
    check(integer(0), fmt::format("tokens[{}]", i), v[i]);
    r.tokens->push_back(v[i].get<model::Token>());
  }
}

const Field<DetokenizeRequest> detokenize_fields[] = {
    {"model", string(),
     [](DetokenizeRequest& r, const Json& v) { r.model = v.get<std::string>(); }},
    {"tokens", array(0, 1e9), set_tokens},
    {"skip_special_tokens", boolean(),
     [](DetokenizeRequest& r, const Json& v) { r.skip_special = v.get<bool>(); }},
};

void detokenize(Call& call) {
  DetokenizeRequest r;
  FieldReader()
      .with(std::span<const Field<DetokenizeRequest>>(detokenize_fields), r)
      .read(call.body);
  if (!r.tokens) bad_field("tokens", "'tokens' is required", "missing_parameter");
  const model::Tokenizer& tokenizer = call.model->tokenizer();
  for (model::Token id : *r.tokens)
    if (id >= tokenizer.size())
      bad_field("tokens", fmt::format("'tokens': token id {} is not in the vocabulary of {} tokens",
                                      id, tokenizer.size()), "invalid_value");
  call.exchange->reply(200, "application/json",
                  to_text({{"prompt", tokenizer.decode(*r.tokens, r.skip_special)}}));
}

/// llama.cpp's form: {"prompt": the text that the model would continue}, of a chat request.
void apply_template(Call& call) {
  const ChatRequest r = parse_chat_request(call.body, call.card(), call.service.defaults());
  call.exchange->reply(
      200, "application/json",
      to_text({{"prompt", prompt_text(r.conversation, r.tool_use, *call.model)}}));
}

Json tokenize_schema() {
  return SchemaWriter()
      .with(std::span<const Field<TokenizeRequest>>(tokenize_fields))
      .with(conversation_fields())
      .take();
}

Json detokenize_schema() {
  return SchemaWriter()
      .with(std::span<const Field<DetokenizeRequest>>(detokenize_fields))
      .require({"tokens"})
      .take();
}

const Route routes[] = {
    {"POST", "/tokenize", tokenize, "the token ids of a text or a conversation",
     tokenize_schema},
    {"POST", "/detokenize", detokenize, "the text of token ids", detokenize_schema},
    {"POST", "/apply-template", apply_template, "the prompt that a conversation becomes",
     chat_schema}};
const Registry<Api> registered{Api{"tokenize", routes}};

}  // namespace
}  // namespace strata::serve
