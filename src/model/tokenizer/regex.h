// Regular expressions over well-formed UTF-8 (PCRE2, compiled to machine code).
#pragma once
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

/// Thread-safe once constructed.
class Regex {
 public:
  /// `pattern` in the dialect of tokenizer files (regex_syntax.h).
  /// Errors: data_loss with the pattern and what is wrong with it.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&&) = delete;

  struct Match { size_t begin, end; };

  /// The first match at or after `from`; false if there is none. A search that runs into the limits
  /// on steps, depth or memory finds nothing: the rest of the text then stays one piece.
  /// Precondition: `text` is well-formed, `from` at a character's start.
  bool find(std::string_view text, size_t from, Match& match) const;

  /// Calls f(begin, end) for every match, left to right, without overlap; an empty one too.
  template <class F>
  void each(std::string_view text, F&& f) const {
    Match m;
    for (size_t from = 0; from <= text.size() && find(text, from, m);) {
      f(m.begin, m.end);
      from = m.end > m.begin ? m.end : after(text, m.end);
    }
  }

 private:
  static size_t after(std::string_view text, size_t at);   // the next character's start
  void* code_;
};

/// `text` as a pattern that matches exactly it.
std::string regex_literal(std::string_view text);

}  // namespace strata::model::tokenizer
