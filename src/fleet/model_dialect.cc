#include "fleet/model_dialect.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace strata::fleet {
namespace {

constexpr std::string_view automatic = "auto", none = "none";

const dialect::Form* choose_form(const std::string& name, std::string_view chat_template) {
  const dialect::Form* plain = dialect::find_form("json");
  if (name == none) return plain;
  if (name == automatic) {
    const dialect::Form* found = dialect::detect_form(chat_template);
    return found ? found : plain;
  }
  const dialect::Form* found = dialect::find_form(name);
  if (!found)
    fail(Code::invalid_argument, "--tool-call-parser {}: choose auto or one of {}", name,
         fmt::join(dialect::form_names(), ", "));
  return found;
}

const dialect::Reasoning* choose_reasoning(const std::string& name,
                                           std::string_view chat_template) {
  // Channels are read with the calls.
  if (name == none || name == "openai_gptoss" || name == "gptoss") return nullptr;
  if (name == automatic) return dialect::detect_reasoning(chat_template);
  const dialect::Reasoning* found = dialect::find_reasoning(name);
  if (!found)
    fail(Code::invalid_argument, "--reasoning-parser {}: choose auto, none or one of {}", name,
         fmt::join(dialect::reasoning_names(), ", "));
  return found;
}

std::vector<engine::Token> find_markers(const model::Tokenizer& tokenizer,
                                        const dialect::Form& form,
                                        const dialect::Reasoning* reasoning) {
  dialect::Strings marks = {form.close,      form.call_close, form.key_open, form.key_end,
                            form.value_open, form.value_end,  form.quote};
  for (const dialect::Strings& more : {form.opens, form.call_opens, form.name_ends, form.signs})
    marks.insert(marks.end(), more.begin(), more.end());
  if (reasoning) marks.insert(marks.end(), {reasoning->begin, reasoning->end});
  if (form.head == dialect::Form::Head::harmony)
    marks.insert(marks.end(), {"<|start|>", "<|end|>", "<|call|>", "<|return|>", "<|constrain|>"});
  std::vector<engine::Token> found;
  for (engine::Token id = 0; id < tokenizer.size(); ++id) {
    if (!tokenizer.is_special(id)) continue;
    const std::string text = tokenizer.bytes(id, false);
    if (!text.empty() && std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) {
          return mark.find(text) != mark.npos;
        }))
      found.push_back(id);
  }
  return found;
}

}  // namespace

void check_names(const DialectNames& names) {
  choose_form(names.tool_calls, {});
  choose_reasoning(names.reasoning, {});
}

ModelDialect::ModelDialect(const DialectNames& names, const model::ChatTemplate* chat_template,
                           const model::Tokenizer& tokenizer) {
  const std::string_view source = chat_template ? std::string_view(chat_template->source()) : "";
  form = choose_form(names.tool_calls, source);
  reasoning = choose_reasoning(names.reasoning, source);
  if (form->head == dialect::Form::Head::harmony) reasoning = nullptr;
  shows_tools = source.find("tools") != source.npos;
  markers = find_markers(tokenizer, *form, reasoning);
}

}  // namespace strata::fleet
