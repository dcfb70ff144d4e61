#include "serve/chat_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "grammar/lark.h"
#include "grammar/thinking.h"
#include "serve/constrain.h"
#include "serve/generation.h"

namespace strata::serve {
namespace {

using dialect::Form;
using ToolChoice = ToolUse::Choice;
using ConstraintPtr = std::shared_ptr<const engine::Constraint>;

/// What schemas say that cannot be enforced is left out for tools that are not strict.
void loosen(std::vector<dialect::Tool>& tools) {
  for (dialect::Tool& tool : tools)
    if (!tool.strict) tool.parameters = nullptr;
}

/// The constraint of an answer that may or must call tools, or else looks like `format`.
ConstraintPtr compile_calls(fleet::Model& model, const ChatRequest& request,
                            const std::vector<dialect::Tool>& tools) {
  const model::Tokenizer& tokenizer = model.tokenizer();
  const bool required = request.tool_use.choice == ToolChoice::required;
  const auto& format = request.format.structure;
  auto source = dialect::call_grammar(
      *model.dialect.form, tools,
      {.required = required || format, .parallel = request.tool_use.parallel}, tokenizer);
  if (!source) return nullptr;
  if (format && !required)
    source = grammar::either(*source, to_source(*format, request.format.style, tokenizer));
  return model.grammars.compile(*source);
}

ConstraintPtr call_constraint(fleet::Model& model, const ChatRequest& request) {
  std::vector<dialect::Tool> tools = request.tool_use.tools;
  try {
    return compile_calls(model, request, tools);
  } catch (const Error& e) {
    if (std::all_of(tools.begin(), tools.end(), [](const auto& t) { return t.strict; }))
      bad_field("tools", fmt::format("'tools': {}", e.what()), "unsupported_value");
  }
  loosen(tools);
  try {
    return compile_calls(model, request, tools);
  } catch (const Error& e) {
    bad_field("tools", fmt::format("'tools': {}", e.what()), "unsupported_value");
  }
}

grammar::ThinkingRules thinking_rules(const fleet::ModelDialect& dialect, dialect::Start start,
                                      int budget) {
  if (dialect.form->head == Form::Head::harmony)
    return {.begin = {},
            .end = "<|channel|>final<|message|>",
            .inside = true,
            .budget = budget,
            .last_words = "<|end|><|start|>assistant<|channel|>final<|message|>"};
  const std::string end(dialect.reasoning->end);
  return {.begin = std::string(dialect.reasoning->begin),
          .end = end,
          .inside = start == dialect::Start::inside,
          .budget = budget,
          .last_words = "\n" + end + "\n\n"};
}

ConstraintPtr make_chat_constraint(fleet::Model& model, const ChatRequest& request,
                                   dialect::Start start) {
  const fleet::ModelDialect& dialect = model.dialect;
  const bool calls = request.tool_use.choice != ToolChoice::none;
  const bool channels = dialect.form->head == Form::Head::harmony;
  ConstraintPtr answer = calls ? call_constraint(model, request) : nullptr;
  if (answer && channels) return answer;  // its grammar has the analysis in it
  if (!answer) answer = make_constraint(model, request.format);
  const bool thinks = channels || (dialect.reasoning && start != dialect::Start::closed);
  const int budget = request.thinking_budget.value_or(-1);
  if (!thinks || (!answer && budget < 0)) return answer;
  return grammar::make_thinking(thinking_rules(dialect, start, budget), answer, model.tokenizer());
}

Prompt encode(const std::string& text, const ChatRequest& request, const fleet::Model& model) {
  return {model.tokenizer().encode(text, {.add_special = request.conversation.add_special}), {}};
}

dialect::ParserOptions parser_of(const ChatRequest& request, const fleet::ModelDialect& dialect,
                                 const std::string& prompt) {
  dialect::ParserOptions parser = {.form = dialect.form,
                                   .reasoning = dialect.reasoning,
                                   .start = dialect::Start::open,
                                   .calls = request.tool_use.choice != ToolChoice::none,
                                   .types = types_of(request.tool_use.tools)};
  if (dialect.reasoning)
    parser.start = request.conversation.continue_final
                       ? dialect::Start::closed
                       : dialect::start_after(*dialect.reasoning, prompt);
  return parser;
}

}  // namespace

std::string prompt_text(Conversation conversation, const ToolUse& use, const fleet::Model& model) {
  const bool calls = use.choice != ToolChoice::none;
  if (calls && !model.dialect.shows_tools)
    describe_tools(conversation.messages, use.tools, conversation.tools);
  if (!calls) conversation.tools = nullptr;   // what the model does not see it does not call
  return render(conversation, model);
}

Prompt chat_prompt(const ChatRequest& request, const fleet::Model& model) {
  return encode(prompt_text(request.conversation, request.tool_use, model), request, model);
}

void answer_chat(const Call& call, ChatRequest& request, std::unique_ptr<AnswerForm> form) {
  fleet::Model& model = *call.model;
  if (request.thinking_budget && !model.dialect.reasons())
    bad_field("thinking_budget", "'thinking_budget': this model's chat template has no reasoning",
              "unsupported_value");
  const std::string text = prompt_text(request.conversation, request.tool_use, model);
  Prompt prompt = encode(text, request, model);
  request.reading.parser = parser_of(request, model.dialect, text);
  request.constraint = make_chat_constraint(model, request, request.reading.parser.start);
  if (request.reading.parser.calls || model.dialect.reasons())
    request.kept_special = model.dialect.markers;
  Generation::start(call, request, {std::move(prompt)}, std::move(form));
}

}  // namespace strata::serve
