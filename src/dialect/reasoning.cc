#include "dialect/reasoning.h"

#include <algorithm>

#include "dialect/text.h"

namespace strata::dialect {
namespace {

const Reasoning table[] = {
    {"deepseek_r1",
     {"qwen3", "deepseek_v3", "deepseek_v31", "glm45", "glm47", "kimi_k2", "minimax_m2", "olmo3",
      "hunyuan_a13b", "holo2", "step3", "step3p5", "ernie45", "nemotron_v3", "think"},
     "<think>",
     "</think>",
     true},
    {"mistral", {}, "[THINK]", "[/THINK]", true},
    {"seed_oss", {}, "<seed:think>", "</seed:think>", true},
    {"gemma4", {}, "<|channel>thought\n", "<channel|>", true},
    {"granite", {}, "Here is my thought process:", "Here is my response:", true},
};

}  // namespace

const Reasoning* find_reasoning(std::string_view name) {
  for (const Reasoning& r : table)
    if (r.name == name || std::find(r.aliases.begin(), r.aliases.end(), name) != r.aliases.end())
      return &r;
  return nullptr;
}

const Reasoning* detect_reasoning(std::string_view chat_template) {
  const auto has = [&](std::string_view part) {
    return chat_template.find(trim(part)) != chat_template.npos;
  };
  for (const Reasoning& r : table)
    if (r.detected && has(r.begin) && has(r.end)) return &r;
  // Templates that open the reasoning by themselves, or cut it out of what was said before.
  if (has("</think>")) return &table[0];
  return nullptr;
}

Strings reasoning_names() {
  Strings names;
  for (const Reasoning& r : table) {
    names.push_back(r.name);
    names.insert(names.end(), r.aliases.begin(), r.aliases.end());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Start start_after(const Reasoning& reasoning, std::string_view prompt) {
  const size_t last = prompt.find_last_not_of(kSpace);
  const std::string_view text = prompt.substr(0, last == prompt.npos ? 0 : last + 1);
  if (text.ends_with(trim(reasoning.begin))) return Start::inside;
  return text.ends_with(trim(reasoning.end)) ? Start::closed : Start::open;
}

ReasoningSplitter::ReasoningSplitter(const Reasoning& reasoning, Start start)
    : reasoning_(&reasoning), surely_inside_(start == Start::inside) {
  if (start == Start::closed) state_ = State::answer;
}

/// Space at both ends of the reasoning is left out.
void ReasoningSplitter::emit(std::string_view text, Events& out) {
  std::string all = std::move(space_) + std::string(text);
  space_.clear();
  if (!said_) all.erase(0, std::min(all.find_first_not_of(kSpace), all.size()));
  const size_t last = all.find_last_not_of(kSpace);
  const size_t keep = last == all.npos ? 0 : last + 1;
  space_ = all.substr(keep);
  all.resize(keep);
  if (all.empty()) return;
  said_ = true;
  out.push_back({Event::Kind::reasoning, std::move(all)});
}

std::string ReasoningSplitter::push(std::string_view text, Events& out) {
  pending_ += text;
  if (state_ == State::opening) {
    const size_t start = std::min(pending_.find_first_not_of(kSpace), pending_.size());
    const std::string_view rest = std::string_view(pending_).substr(start);
    if (rest.starts_with(reasoning_->begin)) {
      pending_.erase(0, start + reasoning_->begin.size());
      state_ = State::inside;
    } else if (may_start(rest, reasoning_->begin)) {
      return {};
    } else {
      state_ = surely_inside_ ? State::inside : State::answer;
      answered_ = state_ == State::answer;  // space before it is its own
    }
  }
  if (state_ == State::inside) {
    const size_t end = pending_.find(reasoning_->end);
    if (end == pending_.npos) {
      const size_t held = held_from(pending_, {reasoning_->end});
      emit(std::string_view(pending_).substr(0, held), out);
      pending_.erase(0, held);
      return {};
    }
    emit(std::string_view(pending_).substr(0, end), out);
    pending_.erase(0, end + reasoning_->end.size());
    state_ = State::answer;
  }
  std::string answer = std::exchange(pending_, {});
  if (!answered_) answer.erase(0, std::min(answer.find_first_not_of(kSpace), answer.size()));
  answered_ = answered_ || !answer.empty();
  return answer;
}

std::string ReasoningSplitter::finish(Events& out) {
  if (state_ == State::inside || (state_ == State::opening && surely_inside_)) {
    emit(std::exchange(pending_, {}), out);
    return {};
  }
  return std::exchange(pending_, {});
}

}  // namespace strata::dialect
