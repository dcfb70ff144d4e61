// JSON while it arrives: where a value ends, and pieces of strings.
#pragma once
#include <string>
#include <string_view>

namespace strata::dialect {

/// Follows the text of one JSON value, byte by byte. It looks at structure alone: brackets, strings
/// and what may stand between them; nesting has a limit.
class JsonScanner {
 public:
  static constexpr int kDepthMax = 200;
  enum class State { going_on, ended, bad };

  /// How many bytes belong to the value; `state()` says whether it goes on after them. A number or
  /// a word ends at the first byte that is not part of it, which is not taken.
  size_t take(std::string_view text);
  State state() const { return state_; }
  /// No more will come: is what came a whole value?
  bool whole() const {
    return state_ == State::ended ||
           (state_ == State::going_on && depth_ == 0 && begun_ && !in_string_);
  }
  bool begun() const { return begun_; }

 private:
  bool take_byte(char c);

  State state_ = State::going_on;
  bool begun_ = false, in_string_ = false, escaped_ = false, word_ = false;
  int depth_ = 0;
  std::string open_;  // the brackets, innermost last
};

/// The inside of a JSON string for these bytes, which may be a part of a text.
std::string escaped(std::string_view bytes);
/// The text of a JSON string literal with its quotes; nothing if it is none.
bool unquote(std::string_view literal, std::string& out);

}  // namespace strata::dialect
