#include "grammar/gbnf.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "grammar/lark.h"

namespace strata::grammar {
namespace {

constexpr int kDepthMax = 64, kRepeatMax = 2000;
constexpr size_t kRulesMax = 2000;

struct Expression;
using Sequence = std::vector<Expression>;

/// A literal, a class ("[a-z]" as a regular expression), a token ("<[7]>"), a rule's name or a
/// group, and how often it comes.
struct Expression {
  enum class Kind { literal, regex, token, rule, group } kind;
  std::string text;
  std::vector<Sequence> options = {};
  int least = 1, most = 1;  // most < 0: any number
};

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::map<std::string, std::vector<Sequence>> parse() {
    std::map<std::string, std::vector<Sequence>> rules;
    for (skip(true); !done(); skip(true)) {
      const std::string name = read_name();
      skip(false);
      if (!take("::=")) expected("'::='");
      skip(true);
      rules[name] = options(0);
      if (rules.size() > kRulesMax)
        fail(Code::invalid_argument, "grammar: more than {} rules", kRulesMax);
    }
    return rules;
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  [[noreturn]] void expected(std::string_view what) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + std::ptrdiff_t(at_), '\n');
    fail(Code::invalid_argument, "grammar, line {}: {} is expected at {}", line, what,
         done() ? std::string("its end") : lark_literal(text_.substr(at_, 20)));
  }

  void skip(bool lines) {
    for (; !done(); ++at_) {
      if (peek() == '#')
        while (!done() && peek() != '\n') ++at_;
      const char c = peek();
      if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
  }

  std::string read_name() {
    const size_t start = at_;
    while (is_name(peek())) ++at_;
    if (at_ == start) expected("the name of a rule");
    return std::string(text_.substr(start, at_ - start));
  }

  std::vector<Sequence> options(int depth) {
    if (depth > kDepthMax)
      fail(Code::invalid_argument, "grammar: more than {} groups in each other", kDepthMax);
    std::vector<Sequence> out;
    do {
      skip(true);
      out.push_back(sequence(depth));
    } while (take("|"));
    return out;
  }

  Sequence sequence(int depth) {
    Sequence out;
    for (;;) {
      skip(depth > 0);
      const char c = peek();
      if (c == '"') {
        out.push_back({Expression::Kind::literal, literal()});
      } else if (c == '[') {
        out.push_back({Expression::Kind::regex, char_class()});
      } else if (c == '.') {
        ++at_;
        out.push_back({Expression::Kind::regex, "(?s:.)"});
      } else if (c == '<') {
        out.push_back({Expression::Kind::token, token()});
      } else if (c == '(') {
        ++at_;
        Expression group{Expression::Kind::group, {}};
        group.options = options(depth + 1);
        if (!take(")")) expected("')'");
        out.push_back(std::move(group));
      } else if (is_name(c)) {
        out.push_back({Expression::Kind::rule, read_name()});
      } else if ((c == '\n' || c == '\r') && continues()) {
        skip(true);
        continue;
      } else {
        if (c != '\0' && c != '\n' && c != '\r' && c != '|' && c != ')') expected("a symbol");
        return out;
      }
      repetition(out.back());
    }
  }

  /// A rule may go on in the next line with "|".
  bool continues() {
    const size_t start = at_;
    skip(true);
    const bool goes_on = peek() == '|';
    if (!goes_on) at_ = start;
    return goes_on;
  }

  void repetition(Expression& e) {
    if (take("*")) {
      e.least = 0, e.most = -1;
    } else if (take("+")) {
      e.most = -1;
    } else if (take("?")) {
      e.least = 0;
    } else if (take("{")) {
      e.least = e.most = number();
      if (take(",")) e.most = peek() == '}' ? -1 : number();
      if (!take("}")) expected("'}'");
      if (e.most >= 0 && e.most < e.least) expected("a number not below the first");
    }
  }

  int number() {
    int n = 0;
    if (peek() < '0' || peek() > '9') expected("a number");
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      n = n * 10 + (peek() - '0');
      if (n > kRepeatMax) expected(fmt::format("a number up to {}", kRepeatMax));
    }
    return n;
  }

  /// The code point at hand, escapes read.
  uint32_t character() {
    if (done() || peek() == '\n') expected("a character");
    if (!take("\\")) return plain_character();
    const char c = peek();
    ++at_;
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<uint32_t>(c);
      default: --at_; expected("an escape that there is (n r t x u U \\ \" [ ] - ^)");
    }
  }

  uint32_t plain_character() {
    const auto lead = static_cast<unsigned char>(text_[at_++]);
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    uint32_t value = more == 0 ? lead : lead & (0x3F >> more);
    for (int i = 0; i < more; ++i, ++at_) {
      if ((static_cast<unsigned char>(peek()) & 0xC0) != 0x80) expected("UTF-8");
      value = value << 6 | (static_cast<unsigned char>(peek()) & 0x3F);
    }
    return value;
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const int v = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
      if (v < 0) expected("a hexadecimal digit");
      value = value * 16 + static_cast<uint32_t>(v);
    }
    if (value > 0x10FFFF) expected("a code point");
    return value;
  }

  /// As a regular expression, so that every code point can be written.
  std::string literal() {
    std::string out;
    for (++at_; peek() != '"';) out += fmt::format("\\x{{{:X}}}", character());
    ++at_;
    return out;
  }

  std::string char_class() {
    std::string out = "[";
    ++at_;
    if (take("^")) out += '^';
    if (peek() == ']') expected("a character");
    while (peek() != ']') {
      const uint32_t first = character();
      uint32_t last = first;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        last = character();
      }
      if (last < first) expected("a range that ascends");
      out += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", first, last);
    }
    ++at_;
    return out + "]";
  }

  std::string token() {
    const size_t end = text_.find('>', at_);
    constexpr size_t kLongest = 200;
    if (end == text_.npos || end - at_ > kLongest) expected("a token \"<...>\"");
    std::string out(text_.substr(at_, end + 1 - at_));
    if (out.find_first_of(" \t\n\"") != out.npos) expected("a token \"<...>\"");
    at_ = end + 1;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

class Writer {
 public:
  explicit Writer(const std::map<std::string, std::vector<Sequence>>& rules) : rules_(rules) {
    for (const auto& [name, options] : rules_) check(name, options);
    for (const auto& [name, options] : rules_) index_.emplace(name, int(index_.size()));
    find_regular();
  }

  Source write() {
    if (!rules_.contains("root"))
      fail(Code::invalid_argument, "grammar: there is no rule \"root\"");
    for (const auto& [name, options] : rules_)
      out_ += fmt::format("{}: {}\n", reference(name), write_options(options, regular_[name]));
    return {Kind::lark, fmt::format("start: {}\n{}", reference("root"), out_)};
  }

 private:
  void check(const std::string& rule, const std::vector<Sequence>& options) const {
    for (const Sequence& sequence : options)
      for (const Expression& e : sequence) {
        if (e.kind == Expression::Kind::group) check(rule, e.options);
        if (e.kind == Expression::Kind::rule && !rules_.contains(e.text))
          fail(Code::invalid_argument, "grammar: rule \"{}\" uses \"{}\", which is not defined",
               rule, e.text);
      }
  }

  /// A rule is regular if all it uses is: the least fixed point leaves out what is recursive.
  void find_regular() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [name, options] : rules_)
        if (!regular_[name] && all_regular(options)) changed = regular_[name] = true;
    }
  }
  bool all_regular(const std::vector<Sequence>& options) {
    for (const Sequence& sequence : options)
      for (const Expression& e : sequence)
        if (!is_regular(e)) return false;
    return true;
  }
  bool is_regular(const Expression& e) {
    switch (e.kind) {
      case Expression::Kind::token: return false;
      case Expression::Kind::rule: return regular_[e.text];
      case Expression::Kind::group: return all_regular(e.options);
      default: return true;
    }
  }

  std::string reference(const std::string& name) {
    return fmt::format("{}{}", regular_[name] ? "R" : "r", index_.at(name));
  }

  std::string write_options(const std::vector<Sequence>& options, bool regular) {
    std::string out;
    for (size_t i = 0; i < options.size(); ++i)
      out += (i > 0 ? " | " : "") + write_sequence(options[i], regular);
    return out;
  }

  /// Regular neighbours within a recursive rule become one terminal.
  std::string write_sequence(const Sequence& sequence, bool regular) {
    if (sequence.empty()) return "\"\"";
    std::string out, run;
    auto flush = [&] {
      if (run.empty()) return;
      const std::string name = fmt::format("X{}", n_terminal_++);
      out_ += fmt::format("{}:{}\n", name, run);
      out += " " + name;
      run.clear();
    };
    for (const Expression& e : sequence) {
      if (!regular && is_regular(e)) {
        run += " " + write_expression(e, true);
        continue;
      }
      flush();
      out += " " + write_expression(e, regular);
    }
    flush();
    return out.substr(1);
  }

  std::string write_expression(const Expression& e, bool regular) {
    std::string out;
    switch (e.kind) {
      case Expression::Kind::literal: out = e.text.empty() ? "\"\"" : "/" + e.text + "/"; break;
      case Expression::Kind::regex: out = "/" + e.text + "/"; break;
      case Expression::Kind::token: out = e.text; break;
      case Expression::Kind::rule: out = reference(e.text); break;
      case Expression::Kind::group: out = "(" + write_options(e.options, regular) + ")"; break;
    }
    if (e.least == 1 && e.most == 1) return out;
    if (e.most < 0 && e.least <= 1) return out + (e.least == 0 ? "*" : "+");
    if (e.least == 0 && e.most == 1) return out + "?";
    return e.most < 0 ? fmt::format("{}{{{},}}", out, e.least)
                      : fmt::format("{}{{{},{}}}", out, e.least, e.most);
  }

  const std::map<std::string, std::vector<Sequence>>& rules_;
  std::map<std::string, int> index_;
  std::map<std::string, bool> regular_;
  std::string out_;
  int n_terminal_ = 0;
};

}  // namespace

Source gbnf_source(std::string_view text) {
  const auto rules = Parser(text).parse();
  return Writer(rules).write();
}

}  // namespace strata::grammar
