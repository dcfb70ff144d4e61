#include "grammar/lark.h"

#include <fmt/format.h>

#include "base/error.h"
#include "grammar/gbnf.h"

namespace strata::grammar {
namespace {

bool is_control(const model::Tokenizer& tokenizer, std::string_view text) {
  const model::Token id = tokenizer.find(text);
  return id >= 0 && tokenizer.is_special(id);
}

}  // namespace

std::string lark_literal(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string regex_literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\/.+*?()|[]{}^$#&-~<>@\"%").find(c) != std::string_view::npos)
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    else if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

std::string LarkWriter::marker(std::string_view text) const {
  std::string out;
  auto append = [&](const std::string& part) {
    if (!out.empty()) out += ' ';
    out += part;
  };
  while (!text.empty()) {
    // "<|name|>" and the like; what lies between control tokens is text.
    size_t plain = 0, size = 0;
    model::Token id = -1;
    for (; tokenizer_ && plain < text.size() && id < 0; ++plain) {
      if (text[plain] != '<' && text[plain] != '[') continue;
      for (const char* close : {"|>", ">", "]"}) {
        const size_t at = text.find(close, plain);
        if (at == text.npos) continue;
        size = at + std::string_view(close).size() - plain;
        if (!is_control(*tokenizer_, text.substr(plain, size))) continue;
        id = tokenizer_->find(text.substr(plain, size));
        break;
      }
      if (id >= 0) break;
    }
    if (!tokenizer_) plain = text.size();
    if (plain > 0) append(lark_literal(text.substr(0, plain)));
    text.remove_prefix(plain);
    if (id < 0) continue;
    append(fmt::format("<[{}]>", id));
    text.remove_prefix(size);
  }
  return out.empty() ? "\"\"" : out;
}

std::string LarkWriter::json(const Json& schema, const JsonStyle& style) const {
  return "%json " + json_source(schema, style).text;
}

std::string LarkWriter::regex(std::string_view pattern) const {
  std::string escaped;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      escaped += pattern[i++];
      escaped += pattern[i];
    } else {
      escaped += pattern[i] == '/' ? std::string("\\/") : std::string(1, pattern[i]);
    }
  }
  return "/" + escaped + "/";
}

std::string LarkWriter::text_until(std::string_view end) {
  if (tokenizer_ && is_control(*tokenizer_, end))
    return fmt::format("{} <[{}]>", any_text(), tokenizer_->find(end));
  const std::string name = fmt::format("until_{}", n_rule_++);
  rules_ += fmt::format("{}[lazy]: /(?s:.*){}/\n", name, regex_literal(end));
  return name;
}

std::string LarkWriter::any_text() {
  if (any_text_.empty()) {
    any_text_ = "ANY_TEXT";
    rules_ += "ANY_TEXT: /(?s:.+)/\n";
  }
  return any_text_ + "?";
}

std::string LarkWriter::text_without(const std::vector<std::string>& markers) {
  std::string terms;
  for (const std::string& marker : markers)
    if (!tokenizer_ || !is_control(*tokenizer_, marker))  // text holds no control tokens
      terms += fmt::format(" & ~/(?s:.*){}(?s:.*)/", regex_literal(marker));
  return terms.empty() ? any_text() : terminal("/(?s:.+)/" + terms) + "?";
}

std::string LarkWriter::rule(std::string_view expression) {
  const std::string name = fmt::format("rule_{}", n_rule_++);
  rules_ += fmt::format("{}: {}\n", name, expression);
  return name;
}

std::string LarkWriter::terminal(std::string_view expression) {
  const std::string name = fmt::format("T{}", n_rule_++);
  rules_ += fmt::format("{}: {}\n", name, expression);
  return name;
}

Source LarkWriter::finish(std::string_view start) {
  return {Kind::lark, fmt::format("start: {}\n{}", start, rules_)};
}

Source grammar_source(std::string_view text) {
  if (text.size() > kGrammarMax)
    fail(Code::invalid_argument, "the grammar has {} bytes, at most {} are allowed", text.size(),
         kGrammarMax);
  if (text.find("::=") != text.npos) return gbnf_source(text);
  return {Kind::lark, std::string(text)};
}

Source regex_source(std::string_view pattern) {
  // It matches the whole text anyway, and anchors do not compile.
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  if (pattern.ends_with('$') && !pattern.ends_with("\\$")) pattern.remove_suffix(1);
  return {Kind::regex, std::string(pattern)};
}

Source either(const Source& a, const Source& b) {
  const auto nested = [](const Source& s) {
    switch (s.kind) {
      case Kind::json_schema: return "%json " + s.text;
      case Kind::regex: return LarkWriter().regex(s.text);
      case Kind::lark: return "%lark {\n" + s.text + "\n}";
    }
    return std::string();
  };
  LarkWriter writer;
  const std::string first = writer.rule(nested(a)), second = writer.rule(nested(b));
  return writer.finish(first + " | " + second);
}

Source choice_source(const std::vector<std::string>& choices) {
  LarkWriter writer;
  std::string all;
  for (const std::string& choice : choices)
    all += (all.empty() ? "" : " | ") + lark_literal(choice);
  return writer.finish(writer.terminal(all));
}

}  // namespace strata::grammar
