#include "dialect/call_parser.h"

#include <algorithm>
#include <utility>

#include "dialect/text.h"

namespace strata::dialect {
namespace {

constexpr size_t kNameMax = 512;
constexpr std::string_view kCallId = "[CALL_ID]";  // within a name: an id follows

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         name.find_first_of(" \t\r\n\"'<>{}[]()") == name.npos;
}

}  // namespace

CallParser::CallParser(const Form& form, ToolTypes types)
    : form_(&form),
      types_(std::move(types)),
      openers_(form.opens.empty() ? form.call_opens : form.opens) {}

void CallParser::push(std::string_view text, Events& out) {
  out_ = &out;
  pending_ += text;
  while (step(false)) {
  }
}

void CallParser::finish(Events& out) {
  out_ = &out;
  while (step(true)) {
  }
  if (!raw_.empty()) fail();
  content(std::exchange(pending_, {}));
  if (!space_.empty() && content_begun_) {
    out.push_back({Event::Kind::content, std::exchange(space_, {})});
  }
}

bool CallParser::step(bool last) {
  switch (state_) {
    case State::content: return in_content(last);
    case State::between: return between(last);
    case State::name: return in_name(last);
    case State::arguments: return in_arguments(last);
    case State::pair: return in_pair(last);
    case State::key: return in_key(last);
    case State::sign: return in_sign(last);
    case State::value_open: return in_value_open(last);
    case State::value: return in_value(last);
    case State::braces: return in_braces(last);
    case State::call_close: return in_call_close(last);
    case State::object: return in_object(last);
    case State::member: return in_member(last);
    case State::colon: return in_colon(last);
    case State::name_value:
    case State::arguments_value:
    case State::other_value: return in_member_value(last);
  }
  return false;
}

// Moves of the reader.

std::string CallParser::take(size_t n) {
  std::string taken = pending_.substr(0, n);
  pending_.erase(0, n);
  if (!announced_) raw_ += taken;
  return taken;
}

void CallParser::skip_space() {
  take(std::min(pending_.find_first_not_of(kSpace), pending_.size()));
}

bool CallParser::begins(std::string_view marker) const {
  return !marker.empty() && std::string_view(pending_).starts_with(marker);
}

bool CallParser::may_begin(std::string_view marker, bool last) const {
  return !last && may_start(pending_, marker);
}

bool CallParser::go(State state) {
  state_ = state;
  return true;
}

/// Space at the end waits for what follows: before a call it is none of the answer's.
void CallParser::content(std::string_view text) {
  std::string all = std::exchange(space_, {}) + std::string(text);
  if (space_skipped_) all.erase(0, std::min(all.find_first_not_of(kSpace), all.size()));
  const size_t last = all.find_last_not_of(kSpace);
  const size_t keep = last == all.npos ? 0 : last + 1;
  space_ = all.substr(keep);
  all.resize(keep);
  if (all.empty()) return;
  content_begun_ = true;
  space_skipped_ = false;
  out_->push_back({Event::Kind::content, std::move(all)});
}

/// The text read since the section began is no call.
bool CallParser::fail() {
  const std::string text = std::exchange(raw_, {});
  const bool punctuation = section_calls_ > 0 && text.find_first_not_of(" \n\r\t,;]") == text.npos;
  announced_ = in_list_ = false;
  section_calls_ = 0;
  early_.clear();
  strange_.clear();  // part of the text
  state_ = State::content;
  if (!punctuation && !text.empty()) {
    content_begun_ = true;  // a bare form begins an answer, or it is none
    content(text);
  }
  return !pending_.empty();
}

bool CallParser::leave_section() {
  raw_.clear();
  in_list_ = false;
  section_calls_ = 0;
  space_skipped_ = true;
  return go(State::content);
}

bool CallParser::announce(std::string name, std::string id) {
  raw_.clear();
  space_.clear();
  announced_ = true;
  any_arguments_ = any_pair_ = false;
  name_ = std::move(name);
  out_->push_back({Event::Kind::call, name_, n_call_++, std::move(id)});
  ++section_calls_;
  return true;
}

void CallParser::arguments(std::string_view text) {
  if (text.empty()) return;
  any_arguments_ = true;
  out_->push_back({Event::Kind::arguments, std::string(text), n_call_ - 1});
}

bool CallParser::end_call() {
  if (!any_arguments_) arguments("{}");
  announced_ = false;
  raw_.clear();
  content(std::exchange(strange_, {}));
  if (form_->opens.empty() && !form_->bare) return leave_section();
  return go(State::between);
}

// Content and sections.

bool CallParser::in_content(bool last) {
  if (pending_.empty()) return false;
  if (form_->bare && !content_begun_ && n_call_ == 0) {
    const size_t start = pending_.find_first_not_of(kSpace);
    if (start == pending_.npos) return false;
    const char c = pending_[start];
    if (c == '[' || (c == '{' && form_->head == Form::Head::json)) {
      section_calls_ = 0;
      return go(State::between);
    }
  }
  const auto found = find_first(pending_, openers_);
  if (found) {
    content(std::string_view(pending_).substr(0, found->at));
    pending_.erase(0, found->at);
    section_calls_ = 0;
    if (!form_->opens.empty()) take(found->marker.size());
    return go(State::between);
  }
  const size_t held = last ? pending_.size() : held_from(pending_, openers_);
  if (held == 0) return false;
  content(std::string_view(pending_).substr(0, held));
  pending_.erase(0, held);
  return false;
}

bool CallParser::between(bool last) {
  skip_space();
  while (section_calls_ > 0 && (begins(",") || begins(";"))) {
    take(1);
    skip_space();
  }
  if (pending_.empty()) return last && !raw_.empty() ? fail() : false;
  if (begins(form_->close)) {
    take(form_->close.size());
    if (section_calls_ == 0) return fail();
    return leave_section();
  }
  for (const std::string_view open : form_->opens)
    if (begins(open)) {
      take(open.size());
      return true;
    }
  if (form_->head == Form::Head::json) return between_json(last);
  if (form_->head == Form::Head::python) return between_python(last);
  for (const std::string_view open : form_->call_opens)
    if (begins(open)) {
      take(open.size());
      return go(State::name);
    }
  if (may_begin(form_->close, last)) return false;
  for (const std::string_view open : form_->call_opens)
    if (may_begin(open, last)) return false;
  if (form_->call_opens.empty() && section_calls_ == 0) return go(State::name);
  return fail();
}

bool CallParser::between_json(bool last) {
  const char c = pending_[0];
  if (c == '{') return go(State::object);
  if (c == '[' && !in_list_) {
    take(1);
    in_list_ = true;
    return true;
  }
  if (c == ']' && in_list_) {
    take(1);
    in_list_ = false;
    if (form_->close.empty() && section_calls_ > 0) return leave_section();
    return true;
  }
  if (may_begin(form_->close, last)) return false;
  for (const std::string_view open : form_->opens)
    if (may_begin(open, last)) return false;
  return fail();
}

bool CallParser::between_python(bool last) {
  const char c = pending_[0];
  if (c == '[' && !in_list_) {
    take(1);
    return in_list_ = true;
  }
  if (c == ']' && in_list_) {
    take(1);
    in_list_ = false;
    if (form_->close.empty() || form_->bare) {
      if (section_calls_ > 0 && !begins(form_->close) && !may_begin(form_->close, last))
        return leave_section();
    }
    return true;
  }
  if (may_begin(form_->close, last)) return false;
  const size_t size = python_call_size(pending_);
  if (size == 0) {
    if (!last) return false;
    take(pending_.size());
    return fail();
  }
  if (size == std::string::npos) return fail();
  const std::string call = take(size);
  const size_t bracket = call.find('(');
  const std::string name = call.substr(0, bracket);
  const auto parsed =
      python_arguments(std::string_view(call).substr(bracket + 1, call.size() - bracket - 2),
                       types_.names ? types_.names(name) : std::vector<std::string>());
  if (!parsed) return fail();
  announce(name, {});
  arguments(*parsed);
  return end_call();
}

// Named calls.

bool CallParser::in_name(bool last) {
  const auto found = find_first(pending_, form_->name_ends);
  if (!found) {
    if (!last && pending_.size() <= kNameMax) return false;
    return fail();
  }
  std::string name(trim(std::string_view(pending_).substr(0, found->at)));
  const std::string_view marker = found->marker;
  const bool stays = marker == form_->key_open || marker == form_->close ||
                     (marker == "{" && form_->arguments == Form::Arguments::json);
  std::string id;
  if (const size_t at = name.find(kCallId); at != name.npos) {
    id = name.substr(at + kCallId.size());
    name.resize(at);
  }
  if (form_->numbered) id = name;
  if (name.starts_with(form_->name_prefix)) name.erase(0, form_->name_prefix.size());
  if (const size_t colon = name.rfind(':'); form_->numbered && colon != name.npos)
    name.resize(colon);
  if (!is_name(name)) return fail();
  take(found->at + (stays ? 0 : marker.size()));
  if (form_->arguments == Form::Arguments::gemma) {
    name_ = std::move(name);
    return go(State::braces);
  }
  announce(std::move(name), std::move(id));
  scanner_ = {};
  return go(form_->arguments == Form::Arguments::json ? State::arguments : State::pair);
}

bool CallParser::in_arguments(bool) {
  if (!scanner_.begun()) {
    skip_space();
    if (pending_.empty()) return false;
    if (pending_[0] != '{' && pending_[0] != '[') return go(State::call_close);
  }
  arguments(take(scanner_.take(pending_)));
  if (scanner_.state() == JsonScanner::State::going_on) return false;
  return go(State::call_close);
}

bool CallParser::in_call_close(bool last) {
  const std::string_view close = trim(form_->call_close);
  if (close.empty()) return end_call();
  skip_space();
  if (begins(close)) {
    take(close.size());
    return end_call();
  }
  if (pending_.empty() || may_begin(close, last)) return last ? end_call() : false;
  return end_call();  // its end is missing: what follows is looked at as if it had come
}

bool CallParser::in_pair(bool last) {
  skip_space();
  if (begins(form_->key_open)) {
    take(form_->key_open.size());
    return go(State::key);
  }
  const std::string_view close = form_->call_close.empty() ? form_->close : form_->call_close;
  if (!begins(close) && !last &&
      (pending_.empty() || may_start(pending_, form_->key_open) || may_start(pending_, close)))
    return false;
  if (any_pair_) arguments("}");
  return go(State::call_close);
}

bool CallParser::in_key(bool last) {
  const size_t at = pending_.find(form_->key_end);
  if (at == pending_.npos) {
    if (!last && pending_.size() <= kNameMax) return false;
    if (any_pair_) arguments("}");
    end_call();
    return fail();
  }
  key_ = trim(std::string_view(pending_).substr(0, at));
  take(at + form_->key_end.size());
  if (!form_->string_sign.empty()) return go(State::sign);
  type_ = types_.type ? types_.type(name_, key_) : ParameterType::unknown;
  return go(State::value_open);
}

bool CallParser::in_sign(bool last) {
  const size_t at = pending_.find(form_->sign_end);
  if (at == pending_.npos) {
    if (!last && pending_.size() <= kNameMax) return false;
    type_ = ParameterType::unknown;
    return go(State::value_open);
  }
  const std::string sign = take(at + form_->sign_end.size());
  type_ = sign.starts_with(form_->string_sign) ? ParameterType::text : ParameterType::other;
  return go(State::value_open);
}

bool CallParser::in_value_open(bool last) {
  if (!form_->value_open.empty()) {
    skip_space();
    if (begins(form_->value_open)) take(form_->value_open.size());
    else if (pending_.empty() || may_begin(form_->value_open, last))
      if (!last) return false;
  }
  begin_pair();
  return go(State::value);
}

void CallParser::begin_pair() {
  arguments(any_pair_ ? ", " : "{");
  any_pair_ = true;
  value_begun_ = false;
  arguments("\"" + escaped(key_) + "\": ");
  if (type_ == ParameterType::text) arguments("\"");
}

/// One line break at both ends of a value is the form's, not the value's. Text is passed on as it
/// comes; what may be JSON is looked at whole.
bool CallParser::in_value(bool last) {
  if (!value_begun_ && form_->value_open.empty()) {
    if (pending_.empty() && !last) return false;
    if (begins("\n")) take(1);
  }
  value_begun_ = true;
  const bool text = type_ == ParameterType::text;
  size_t end = pending_.find(form_->value_end);
  if (end == pending_.npos && !last) {
    if (!text) return false;
    const std::string with_break = "\n" + std::string(form_->value_end);
    arguments(escaped(take(held_from(pending_, {form_->value_end, with_break}))));
    return false;
  }
  const bool ended = end != pending_.npos;
  if (!ended) end = pending_.size();
  std::string value = take(end);
  take(ended ? form_->value_end.size() : 0);
  if (ended && form_->value_open.empty() && value.ends_with('\n')) value.pop_back();
  arguments(text ? escaped(value) + "\"" : value_json(value, type_));
  return go(State::pair);
}

bool CallParser::in_braces(bool last) {
  const size_t end = pending_.find(form_->call_close);
  if (end == pending_.npos) {
    if (!last) return false;
    take(pending_.size());
    return fail();
  }
  const std::string inside = take(end);
  take(form_->call_close.size());
  const auto parsed = gemma_arguments(inside, form_->quote);
  if (!parsed) return fail();
  announce(name_, {});
  arguments(*parsed);
  return end_call();
}

// Calls as JSON objects.

/// The text ends within an object. Arguments that did not come are not made up.
bool CallParser::cut_off() {
  if (!announced_) return fail();
  any_arguments_ = true;
  return end_call();
}

bool CallParser::in_object(bool) {
  take(1);
  name_.clear();
  id_.clear();
  early_.clear();
  strange_.clear();
  return go(State::member);
}

bool CallParser::in_member(bool last) {
  skip_space();
  if (begins(",")) {
    take(1);
    skip_space();
  }
  if (pending_.empty()) return last && cut_off();
  if (begins("}")) {
    take(1);
    if (!announced_) return fail();
    return end_call();
  }
  if (!begins("\"")) {
    if (!announced_) return fail();
    return end_call();
  }
  // The name of a member is short: it is waited for.
  size_t end = 1;
  while (end < pending_.size() && pending_[end] != '"') end += pending_[end] == '\\' ? 2 : 1;
  if (end >= pending_.size()) {
    if (!last && pending_.size() <= kNameMax) return false;
    return announced_ ? end_call() : fail();
  }
  key_ = take(end + 1).substr(1);
  key_.pop_back();
  return go(State::colon);
}

bool CallParser::in_colon(bool last) {
  skip_space();
  if (pending_.empty()) {
    if (last) strange_ += "\"" + key_ + "\"";
    return last && cut_off();
  }
  if (!begins(":")) {
    if (!announced_) return fail();
    strange_ += "\"" + key_ + "\"";
    return end_call();
  }
  take(1);
  scanner_ = {};
  literal_.clear();
  quoted_ = false;
  if ((key_ == "name" || key_ == form_->name_key) && !announced_) return go(State::name_value);
  const bool is_arguments = key_ == "arguments" || key_ == "parameters";
  return go(is_arguments && !any_arguments_ ? State::arguments_value : State::other_value);
}

bool CallParser::in_member_value(bool last) {
  if (!scanner_.begun()) {
    skip_space();
    if (pending_.empty()) {
      if (last) strange_ += "\"" + key_ + "\"";
      return last && cut_off();
    }
    quoted_ = begins("\"");
  }
  const bool streams = state_ == State::arguments_value && announced_ && !quoted_;
  const std::string part = take(scanner_.take(pending_));
  if (streams) arguments(part);
  else literal_ += part;
  const bool going_on = scanner_.state() == JsonScanner::State::going_on;
  if (going_on && !last) return false;
  if (going_on || scanner_.state() == JsonScanner::State::bad) {
    if (!announced_) return fail();
    if (state_ == State::arguments_value) arguments(std::exchange(literal_, {}));
    else strange_ += "\"" + key_ + "\": " + literal_;
    return end_call();
  }
  std::string text;
  if (state_ == State::name_value) {
    if (!unquote(literal_, text) || !is_name(text)) return fail();
    const std::string early = std::exchange(early_, {});
    announce(std::move(text), id_);
    arguments(early);
  } else if (state_ == State::arguments_value && !streams) {
    if (!quoted_) text = literal_;
    else if (!unquote(literal_, text)) text = literal_;
    if (announced_) arguments(text);
    else early_ = text;
  } else if (key_ == "id" && !announced_) {
    unquote(literal_, id_);
  } else if (state_ == State::other_value && key_ != "id" && key_ != "type" && key_ != "index" &&
             key_ != "tool_call_id") {
    strange_ += "\"" + key_ + "\": " + literal_;
  }
  return go(State::member);
}

}  // namespace strata::dialect
