#include "dialect/call_grammar.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "grammar/lark.h"

namespace strata::dialect {
namespace {

using grammar::Json;
using grammar::lark_literal;

constexpr std::string_view kBreak = "BREAK?";

class Writer {
 public:
  Writer(const Form& form, const CallRules& rules, const model::Tokenizer& tokenizer)
      : form_(form),
        rules_(rules),
        lark_(&tokenizer),
        triggered_by_call_(!rules.required && form.opens.empty()) {}

  grammar::Source write(std::span<const Tool> tools) {
    std::string call;
    for (const Tool& tool : tools) call += (call.empty() ? "" : " | ") + write_call(tool);
    call = lark_.rule(call);
    const std::string start = rules_.required ? required(call) : optional(call);
    grammar::Source source = lark_.finish(start);
    source.text += "BREAK: /\\n/\n" + extra_;
    return source;
  }

 private:
  std::string marker(std::string_view text) { return text.empty() ? "" : lark_.marker(text) + " "; }

  /// Calls one after the other, without what stands around all of them.
  std::string several(const std::string& call) {
    if (!rules_.parallel) return call;
    std::string_view between = form_.separator;
    if (form_.list || form_.head == Form::Head::python) between = ", ";
    const std::string separator = between.empty() ? std::string(kBreak) : lark_literal(between);
    return fmt::format("{} ({} {})*", call, separator, call);
  }

  /// After the opening: the calls and the closing.
  std::string inside(const std::string& call) {
    std::string body = form_.section_each ? call : several(call);
    if (form_.list || form_.head == Form::Head::python) body = "\"[\" " + body + " \"]\"";
    if (form_.close.empty()) return body;
    const std::string close = lark_.marker(form_.close);
    const bool glued = form_.call_opens.empty() && form_.head == Form::Head::named;
    return (glued ? "" : std::string(kBreak) + " ") + body + " " + std::string(kBreak) + " " +
           close;
  }

  std::string required(const std::string& call) {
    if (form_.head == Form::Head::harmony) {
      const std::string analysis = lark_.marker("<|channel|>analysis<|message|>") + " " +
                                   lark_.text_until("<|end|>") + " " +
                                   lark_.marker("<|start|>assistant");
      return fmt::format("({})? {}", analysis, call);
    }
    const std::string body = inside(call);
    if (form_.opens.empty() || form_.bare) return body;
    const std::string section = lark_.rule(lark_.marker(form_.opens[0]) + " " + body);
    if (!form_.section_each || !rules_.parallel) return section;
    return fmt::format("{} ({} {})*", section, kBreak, section);
  }

  std::string optional(const std::string& call) {
    if (form_.bare || form_.head == Form::Head::harmony) {
      // What does not begin as a call does is text.
      extra_ += "TEXT: /[^\\[{\\s](?s:.*)/\n";
      return fmt::format("({}) | TEXT", required(call));
    }
    const bool by_call = form_.opens.empty();
    const std::string_view trigger = by_call ? form_.call_opens[0] : form_.opens[0];
    // Without an opening around them calls begin with what the trigger is.
    const std::string section =
        lark_.rule(lark_.text_until(trigger) + " " + (by_call ? call : inside(call)));
    const bool many = rules_.parallel && (form_.section_each || by_call);
    const std::string text = lark_.text_without({std::string(trigger)});
    return many ? section + "* " + text : section + " | " + text;
  }

  std::string write_call(const Tool& tool) {
    std::string out;
    const std::string name = std::string(form_.name_prefix) + tool.name;
    switch (form_.head) {
      case Form::Head::json:
        return fmt::format("{} {} \"}}\"",
                           lark_literal(fmt::format("{{\"{}\": {}, \"{}\": ", form_.name_key,
                                                    Json(name).dump(), form_.arguments_key)),
                           json_arguments(tool));
      case Form::Head::harmony:
        return lark_.marker("<|channel|>commentary to=" + name + " <|constrain|>json<|message|>") +
               " " + json_arguments(tool);
      case Form::Head::python:
        return lark_literal(name + "(") + " " + python_arguments(tool) + " \")\"";
      case Form::Head::named: break;
    }
    if (!form_.call_opens.empty() && !triggered_by_call_) out += marker(form_.call_opens[0]);
    out += lark_literal(name) + " ";
    if (form_.numbered) out += "/:[0-9]{1,3}/ ";
    if (!form_.name_ends.empty() && form_.name_ends[0] != "\n") out += marker(form_.name_ends[0]);
    switch (form_.arguments) {
      case Form::Arguments::json: out += json_arguments(tool) + " "; break;
      case Form::Arguments::pairs: out += pairs(tool) + " "; break;
      case Form::Arguments::gemma: out += gemma(tool) + " "; break;
    }
    return out + marker(form_.call_close);
  }

  static Json object_of(const Tool& tool) {
    Json schema = tool.parameters.is_object() ? tool.parameters : Json::object();
    if (!schema.contains("type")) schema["type"] = "object";
    return schema;
  }
  std::string json_arguments(const Tool& tool) { return lark_.json(object_of(tool)); }

  struct Parameter {
    std::string name;
    Json schema;
    bool required;
  };
  /// References within a parameter's schema point into the whole.
  static std::vector<Parameter> parameters(const Tool& tool) {
    std::vector<Parameter> out;
    const Json schema = object_of(tool);
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) return out;
    const Json required = schema.value("required", Json::array());
    for (const auto& [name, given] : properties->items()) {
      Json own = given;
      for (const char* definitions : {"$defs", "definitions"})
        if (own.is_object() && schema.contains(definitions) && !own.contains(definitions))
          own[definitions] = schema[definitions];
      const bool needed = std::find(required.begin(), required.end(), name) != required.end();
      out.push_back({name, std::move(own), needed});
    }
    return out;
  }

  static bool is_text(const Json& schema) {
    return schema.is_object() && schema.value("type", Json()) == "string";
  }

  /// Text as it is, up to `end`; what is declared of it beyond its values cannot be enforced there.
  std::string text_value(const Tool& tool, const Parameter& p, const std::string& before_end,
                         std::string_view end) {
    std::string values;
    auto add = [&](const Json& value) {
      if (value.is_string())
        values += (values.empty() ? "" : " | ") + lark_literal(value.get<std::string>());
    };
    if (p.schema.contains("const")) add(p.schema["const"]);
    else if (p.schema.contains("enum") && p.schema["enum"].is_array())
      for (const Json& value : p.schema["enum"]) add(value);
    if (!values.empty()) return fmt::format("({}) {} {}", values, before_end, lark_.marker(end));
    for (const char* keyword : {"pattern", "format", "minLength", "maxLength"})
      if (tool.strict && p.schema.contains(keyword))
        fail(Code::invalid_argument,
             "the keyword \"{}\" of parameter '{}' cannot be enforced in the form in which this "
             "model writes calls: leave it out, or say \"strict\": false",
             keyword, p.name);
    return lark_.text_until(end);
  }

  std::string pairs(const Tool& tool) {
    const bool lines = form_.value_open.empty();
    std::string out{kBreak};
    for (const Parameter& p : parameters(tool)) {
      std::string pair =
          lark_.marker(std::string(form_.key_open) + p.name + std::string(form_.key_end));
      if (!form_.string_sign.empty())
        pair += " " +
                lark_literal((is_text(p.schema) ? "true" : "false") + std::string(form_.sign_end));
      if (!lines) pair += fmt::format(" {} {}", kBreak, lark_.marker(form_.value_open));
      const std::string space = lines ? std::string(kBreak) : std::string();
      pair += " " + space + " ";
      if (is_text(p.schema)) pair += text_value(tool, p, space, form_.value_end);
      else
        pair += fmt::format("{} {} {}", lark_.json(p.schema), space, lark_.marker(form_.value_end));
      pair = lark_.rule(fmt::format("{} {}", pair, kBreak));
      out += " " + pair + (p.required ? "" : "?");
    }
    return out;
  }

  /// In any order of presence: those that are required, then some of the others.
  std::string listed(const std::vector<std::string>& required,
                     const std::vector<std::string>& others, const std::string& comma) {
    std::string out, tail;
    for (const std::string& r : required) out += (out.empty() ? "" : " " + comma + " ") + r;
    if (!out.empty()) {
      for (const std::string& o : others) out += fmt::format(" ({} {})?", comma, o);
      return out;
    }
    for (size_t i = 0; i < others.size(); ++i) {
      tail += (i > 0 ? " | " : "") + others[i];
      for (size_t j = i + 1; j < others.size(); ++j)
        tail += fmt::format(" ({} {})?", comma, others[j]);
    }
    return tail.empty() ? std::string() : "(" + tail + ")?";
  }

  std::string python_arguments(const Tool& tool) {
    std::vector<std::string> required, others;
    for (const Parameter& p : parameters(tool))
      (p.required ? required : others)
          .push_back(lark_.rule(lark_literal(p.name + "=") + " " + lark_.json(p.schema)));
    return listed(required, others, "\", \"");
  }

  std::string gemma(const Tool& tool) {
    if (extra_.empty()) {
      const std::string text =
          fmt::format("{} {}", lark_.marker(form_.quote), lark_.text_until(form_.quote));
      extra_ = fmt::format(
          "gemma_value: {} | GEMMA_WORD | \"[\" (gemma_value (\",\" gemma_value)*)? \"]\""
          " | \"{{\" (gemma_member (\",\" gemma_member)*)? \"}}\"\n"
          "gemma_member: /[A-Za-z_][A-Za-z0-9_-]*/ \":\" gemma_value\n"
          "GEMMA_WORD: /-?[0-9]{{1,18}}(\\.[0-9]{{1,18}})?|true|false|null/\n",
          text);
    }
    std::vector<std::string> required, others;
    for (const Parameter& p : parameters(tool)) {
      std::string value;
      if (is_text(p.schema)) {
        value = lark_.marker(form_.quote) + " " + text_value(tool, p, {}, form_.quote);
      } else {
        const Json type = p.schema.is_object() ? p.schema.value("type", Json()) : Json();
        const bool simple = type == "integer" || type == "number" || type == "boolean";
        if (!simple && tool.strict)
          fail(Code::invalid_argument,
               "the keyword \"type\" of parameter '{}' cannot be enforced in the form in which "
               "this model writes calls unless it is string, integer, number or boolean: say "
               "\"strict\": false",
               p.name);
        value = simple ? lark_.json(p.schema, {.compact = true, .whitespace = {}}) : "gemma_value";
      }
      (p.required ? required : others)
          .push_back(lark_.rule(lark_literal(p.name + ":") + " " + value));
    }
    return listed(required, others, "\",\"");
  }

  const Form& form_;
  const CallRules rules_;
  grammar::LarkWriter lark_;
  const bool triggered_by_call_;  // calls follow a trigger that is their own opening
  std::string extra_;             // rules in Lark
};

}  // namespace

std::optional<grammar::Source> call_grammar(const Form& form, std::span<const Tool> tools,
                                            const CallRules& rules,
                                            const model::Tokenizer& tokenizer) {
  const bool strict =
      std::any_of(tools.begin(), tools.end(), [](const Tool& t) { return t.strict; });
  const bool free = !rules.required && (form.bare || form.head == Form::Head::harmony);
  if (tools.empty() || (free && !strict)) return std::nullopt;
  return Writer(form, rules, tokenizer).write(tools);
}

}  // namespace strata::dialect
