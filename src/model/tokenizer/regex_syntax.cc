#include "model/tokenizer/regex_syntax.h"

#include <vector>

#include "base/error.h"

namespace strata::model::tokenizer {
namespace {

constexpr size_t max_pattern = 65536;
constexpr int max_depth = 16;

// PCRE2's own \s has U+180E, which is no White_Space any more; its \w is letters, numbers and "_".
// Oniguruma counts six superscripts and fractions of Latin-1 as word characters.
constexpr std::string_view space_items = "\\x09-\\x0d\\x{85}\\p{Z}";
constexpr std::string_view word_items =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe";
constexpr std::string_view any = "[\\x{0}-\\x{10ffff}]";

// A match of the left side starts anywhere in a run and looks to the run's end each time.
constexpr struct { std::string_view published, linear; } rewrites[] = {
    {R"(\s+$)", R"((?<!\s)\s++$)"},
    // Digits in threes from the right: once aligned at the start of a run, \G stays aligned.
    {R"((?=(\d{3})+(?!\d)))", R"((?<=\d)\G\d{3}|(?<!\d)\d{1,3}(?=(?:\d{3})*+(?!\d)))"},
    {R"(\d{1,3}(?=(?:\d{3})*\b))", R"((?<=\d)\G\d{3}|(?<!\d)\d{1,3}(?=(?:\d{3})*+(?!\w)))"},
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) {
      if (in_[at_] == '[') out_ += char_class(0);
      else if (in_[at_] == '\\') out_ += escape_outside();
      else out_ += in_[at_++];
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void bad(std::string_view what) const {
    fail(Code::data_loss, "tokenizer: pattern '{}': {}", in_.substr(0, 200), what);
  }

  // The escape at at_, with its argument: \n, \p{..}, \x{..}; \uNNNN becomes \x{NNNN}.
  std::string escape() {
    const size_t begin = at_++;
    if (at_ >= in_.size()) bad("ends in a backslash");
    const char kind = in_[at_++];
    if ((kind == 'p' || kind == 'P' || kind == 'x' || kind == 'k' || kind == 'g') &&
        at_ < in_.size() && in_[at_] == '{') {
      const size_t close = in_.find('}', at_);
      if (close == in_.npos) bad("unclosed '{'");
      at_ = close + 1;
    }
    if (kind == 'u' && at_ + 4 <= in_.size()) {
      at_ += 4;
      return "\\x{" + std::string(in_.substr(at_ - 4, 4)) + "}";
    }
    return std::string(in_.substr(begin, at_ - begin));
  }

  std::string escape_outside() {
    const std::string e = escape();
    if (e == "\\s") return "[" + std::string(space_items) + "]";
    if (e == "\\S") return "[^" + std::string(space_items) + "]";
    if (e == "\\w") return "[" + std::string(word_items) + "]";
    if (e == "\\W") return "[^" + std::string(word_items) + "]";
    if (e == "\\b" || e == "\\B") {
      const std::string w = "[" + std::string(word_items) + "]";
      const bool edge = e == "\\b";
      return "(?:(?<=" + w + (edge ? ")(?!" : ")(?=") + w + ")|(?<!" + w +
             (edge ? ")(?=" : ")(?!") + w + "))";
    }
    if (e == "\\h") return "[0-9a-fA-F]";
    if (e == "\\H") return "[^0-9a-fA-F]";
    return e;
  }

  // One operand of &&: items that PCRE2 takes inside [...], and expressions of one character.
  struct Operand {
    std::string items;
    std::vector<std::string> others;
    std::string expression() const {
      std::string e = items.empty() ? "" : "[" + items + "]";
      for (const std::string& other : others) e += (e.empty() ? "" : "|") + other;
      if (e.empty()) return "(?!)";
      return others.empty() ? e : "(?:" + e + ")";
    }
  };

  std::string char_class(int depth) {
    if (depth > max_depth) bad("classes nested too deeply");
    ++at_;
    const bool negated = at_ < in_.size() && in_[at_] == '^';
    at_ += negated;
    std::vector<Operand> operands(1);
    for (bool first = true;; first = false) {
      if (at_ >= in_.size()) bad("unclosed '['");
      Operand& now = operands.back();
      const char c = in_[at_];
      if (c == ']' && !first) break;
      if (c == '\\') item(now);
      else if (in_.substr(at_, 2) == "[:") posix(now);
      else if (c == '[') now.others.push_back(char_class(depth + 1));
      else if (in_.substr(at_, 2) == "&&") at_ += 2, operands.emplace_back();
      else if (c == ']') now.items += "\\]", ++at_;
      else now.items += in_[at_++];
    }
    ++at_;
    if (operands.size() == 1 && operands[0].others.empty())
      return (negated ? "[^" : "[") + operands[0].items + "]";
    std::string all;
    for (size_t i = 0; i + 1 < operands.size(); ++i)
      all += "(?=" + operands[i].expression() + ")";
    all += operands.back().expression();
    return negated ? "(?:(?!" + all + ")" + std::string(any) + ")" : "(?:" + all + ")";
  }

  void item(Operand& now) {
    const std::string e = escape();
    if (e == "\\s") now.items += space_items;
    else if (e == "\\w") now.items += word_items;
    else if (e == "\\S") now.others.push_back("[^" + std::string(space_items) + "]");
    else if (e == "\\W") now.others.push_back("[^" + std::string(word_items) + "]");
    else if (e == "\\h") now.items += "0-9a-fA-F";
    else now.items += e;
  }

  void posix(Operand& now) {
    const size_t close = in_.find(":]", at_ + 2);
    if (close == in_.npos) bad("unclosed '[:'");
    now.items += in_.substr(at_, close + 2 - at_);
    at_ = close + 2;
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string to_pcre2(std::string_view pattern) {
  if (pattern.size() > max_pattern)
    fail(Code::data_loss, "tokenizer: a pattern of {} bytes (at most {})", pattern.size(),
         max_pattern);
  for (const auto& rewrite : rewrites)
    if (pattern == rewrite.published) return Translator(rewrite.linear).run();
  return Translator(pattern).run();
}

}  // namespace strata::model::tokenizer
