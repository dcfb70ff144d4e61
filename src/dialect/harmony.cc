#include "dialect/harmony.h"

#include "dialect/text.h"

namespace strata::dialect {
namespace {

constexpr std::string_view kStart = "<|start|>", kChannel = "<|channel|>", kMessage = "<|message|>";
constexpr std::string_view kRecipient = "to=", kFunctions = "functions.";
constexpr size_t kHeaderMax = 512;

const Strings& ends() {
  static const Strings all = {"<|end|>", "<|call|>", "<|return|>", kStart, kChannel};
  return all;
}

std::string_view recipient(std::string_view header) {
  const size_t at = header.find(kRecipient);
  if (at == header.npos) return {};
  const std::string_view rest = header.substr(at + kRecipient.size());
  return rest.substr(0, std::min(rest.find_first_of(" \n\t<"), rest.size()));
}

/// What a header holds that is not part of the form; `to`: the function that it calls.
std::string residue(std::string_view header, std::string_view to) {
  std::string rest(header);
  for (const std::string& known :
       {std::string(kStart), std::string(kChannel), std::string(kRecipient) + std::string(to),
        std::string("assistant"), std::string("analysis"), std::string("commentary"),
        std::string("final"), std::string("<|constrain|>"), std::string("json"),
        std::string("code")})
    if (const size_t at = rest.find(known); at != rest.npos) rest.erase(at, known.size());
  return std::string(trim(rest));
}

/// Could this be the beginning of a header, or a whole one?
bool is_header(std::string_view text) {
  const std::string_view t = text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  for (const std::string_view begin : {kStart, kChannel, kMessage, kRecipient})
    if (t.starts_with(begin) || begin.starts_with(t)) return text.size() <= kHeaderMax;
  return false;
}

}  // namespace

void HarmonyParser::push(std::string_view text, Events& out) {
  pending_ += text;
  for (;;) {
    if (state_ == State::header) {
      if (pending_.empty()) return;
      const size_t at = pending_.find(kMessage);
      if (at != pending_.npos && (is_header(pending_.substr(0, at)))) {
        const std::string header = pending_.substr(0, at);
        pending_.erase(0, at + kMessage.size());
        open_message(header, out);
        continue;
      }
      if (is_header(pending_)) return;
      // Text without a header.
      target_ = Target::content;
      state_ = State::body;
    }
    const auto end = find_first(pending_, ends());
    if (!end) {
      const size_t held = held_from(pending_, ends());
      emit(std::string_view(pending_).substr(0, held), out);
      pending_.erase(0, held);
      return;
    }
    emit(std::string_view(pending_).substr(0, end->at), out);
    const bool next = end->marker == kStart || end->marker == kChannel;
    pending_.erase(0, end->at + (next ? 0 : end->marker.size()));
    if (target_ == Target::call && !any_arguments_)
      out.push_back({Event::Kind::arguments, "{}", n_call_ - 1});
    state_ = State::header;
    target_ = Target::content;
    any_arguments_ = true;
  }
}

void HarmonyParser::open_message(std::string_view header, Events& out) {
  state_ = State::body;
  target_ = Target::content;
  std::string_view to = recipient(header);
  const bool called = calls_ && !to.empty() && to != "assistant";
  emit(residue(header, called ? to : std::string_view("assistant")), out);
  const size_t channel = header.rfind(kChannel);
  const std::string_view name =
      channel == header.npos ? std::string_view() : trim(header.substr(channel + kChannel.size()));
  if (called) {
    if (to.starts_with(kFunctions)) to.remove_prefix(kFunctions.size());
    target_ = Target::call;
    any_arguments_ = false;
    out.push_back({Event::Kind::call, std::string(to), n_call_++});
  } else {
    target_ = name.starts_with("analysis") ? Target::reasoning : Target::content;
  }
}

void HarmonyParser::emit(std::string_view text, Events& out) {
  if (text.empty()) return;
  switch (target_) {
    case Target::content: out.push_back({Event::Kind::content, std::string(text)}); break;
    case Target::reasoning: out.push_back({Event::Kind::reasoning, std::string(text)}); break;
    case Target::call:
      any_arguments_ = true;
      out.push_back({Event::Kind::arguments, std::string(text), n_call_ - 1});
  }
}

void HarmonyParser::finish(Events& out) {
  // A header that was cut off is nobody's text, unless it is none.
  if (state_ == State::header) {
    const bool header = pending_.find(kStart) == 0 || pending_.find(kChannel) == 0;
    emit(header ? residue(pending_, "assistant") : pending_, out);
  } else {
    emit(pending_, out);
    if (target_ == Target::call && !any_arguments_)
      out.push_back({Event::Kind::arguments, "{}", n_call_ - 1});
  }
  pending_.clear();
}

}  // namespace strata::dialect
