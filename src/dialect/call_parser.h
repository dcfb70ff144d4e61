// Reads the calls of any form out of a text while it arrives.
#pragma once
#include <string>
#include <string_view>

#include "dialect/event.h"
#include "dialect/form.h"
#include "dialect/json_text.h"
#include "dialect/values.h"

namespace strata::dialect {

/// What turns out to be no call is content again, to the last byte but for space around calls.
/// A call is announced as soon as its name is known; its arguments follow as they come.
class CallParser {
 public:
  CallParser(const Form& form, ToolTypes types);

  void push(std::string_view text, Events& out);
  /// Nothing more comes.
  void finish(Events& out);
  int calls() const { return n_call_; }

 private:
  enum class State {
    content,
    between,
    name,
    arguments,
    pair,
    key,
    sign,
    value_open,
    value,
    braces,
    call_close,
    object,
    member,
    colon,
    name_value,
    arguments_value,
    other_value,
  };

  bool step(bool last);
  bool in_content(bool last);
  bool between(bool last);
  bool between_json(bool last);
  bool between_python(bool last);
  bool in_name(bool last);
  bool in_arguments(bool last);
  bool in_pair(bool last);
  bool in_key(bool last);
  bool in_sign(bool last);
  bool in_value_open(bool last);
  bool in_value(bool last);
  bool in_braces(bool last);
  bool in_call_close(bool last);
  bool in_object(bool last);
  bool in_member(bool last);
  bool in_colon(bool last);
  bool in_member_value(bool last);

  std::string take(size_t n);
  void skip_space();
  void content(std::string_view text);
  bool begins(std::string_view marker) const;
  bool may_begin(std::string_view marker, bool last) const;
  bool go(State state);
  bool leave_section();
  bool fail();
  bool announce(std::string name, std::string id);
  void arguments(std::string_view text);
  void begin_pair();
  bool end_call();
  bool cut_off();

  const Form* form_;
  const ToolTypes types_;
  Strings openers_;  // what may begin calls within content
  Events* out_ = nullptr;
  State state_ = State::content;
  std::string pending_;  // came, and is not read
  std::string raw_;      // read of what is not known to be a call yet
  std::string space_;    // at the end of the content so far
  bool content_begun_ = false, space_skipped_ = false;

  bool in_list_ = false;
  int section_calls_ = 0;  // in the section under way
  int n_call_ = 0;
  bool announced_ = false;               // the call under way
  std::string name_, id_, key_, early_;  // early_: arguments that came before the name
  ParameterType type_ = ParameterType::unknown;
  bool value_begun_ = false, any_arguments_ = false, any_pair_ = false, quoted_ = false;
  JsonScanner scanner_;
  std::string literal_;
  std::string strange_;  // members of the call that nobody knows
};

}  // namespace strata::dialect
