#include "grammar/thinking.h"

#include <algorithm>

#include "base/check.h"

namespace strata::grammar {
namespace {

using engine::Token;

constexpr std::string_view kSpace = " \n\r\t";

/// What stays the same for all sequences of a request.
struct Plan {
  ThinkingRules rules;
  const model::Tokenizer* tokenizer;
  std::vector<Token> last_words;
  Token begin = -1;  // of an opening that is one token
  // Tokens that end the reasoning and begin the answer: [bytes of the end seen before].
  std::vector<std::vector<Token>> straddling;
};

std::vector<std::vector<Token>> find_straddling(const model::Tokenizer& tokenizer,
                                                std::string_view end) {
  std::vector<std::vector<Token>> found(end.size());
  if (tokenizer.find(end) >= 0) return found;  // it comes as one token, and alone
  for (Token id = 0; id < tokenizer.size(); ++id) {
    const std::string bytes = tokenizer.bytes(id, false);
    for (size_t seen = 0; seen < end.size(); ++seen) {
      const std::string_view rest = end.substr(seen);
      if (bytes.size() > rest.size() && bytes.starts_with(rest) &&
          bytes.find_first_not_of(kSpace, rest.size()) != bytes.npos)
        found[seen].push_back(id);
    }
  }
  return found;
}

class Thinking : public engine::Constraint {
 public:
  Thinking(std::shared_ptr<const Plan> plan, std::unique_ptr<engine::Constraint> answer)
      : plan_(std::move(plan)), answer_(std::move(answer)) {
    if (plan_->rules.inside || plan_->rules.begin.empty()) start_thinking();
  }

  std::unique_ptr<engine::Constraint> clone() const override {
    auto copy = std::make_unique<Thinking>(plan_, answer_ ? answer_->clone() : nullptr);
    copy->phase_ = phase_;
    copy->tail_ = tail_;
    copy->n_thought_ = n_thought_;
    copy->n_forced_ = n_forced_;
    return copy;
  }

  bool mask(std::span<uint32_t> words) override {
    switch (phase_) {
      case Phase::before:
        if (!answer_ || !answer_->mask(words)) return false;
        if (plan_->begin >= 0) set(words, plan_->begin, true);
        return true;
      case Phase::thinking: return mask_thinking(words);
      case Phase::answer: return answer_ && answer_->mask(words);
    }
    return false;
  }

  void accept(Token token) override {
    switch (phase_) {
      case Phase::before: return accept_before(token);
      case Phase::thinking: return accept_thinking(token);
      case Phase::answer:
        if (answer_) answer_->accept(token);
    }
  }

  void forced(std::vector<Token>& tokens) override {
    tokens.clear();
    if (phase_ == Phase::answer && answer_) return answer_->forced(tokens);
    if (phase_ == Phase::thinking && out_of_budget())
      tokens.assign(plan_->last_words.begin() + n_forced_, plan_->last_words.end());
  }

  bool finished() const override {
    return phase_ == Phase::answer && answer_ && answer_->finished();
  }
  std::string error() const override { return answer_ ? answer_->error() : std::string(); }

 private:
  enum class Phase { before, thinking, answer };

  static void set(std::span<uint32_t> words, Token token, bool on) {
    const uint32_t bit = uint32_t(1) << (token % 32);
    uint32_t& word = words[size_t(token) / 32];
    word = on ? word | bit : word & ~bit;
  }

  bool out_of_budget() const {
    return plan_->rules.budget >= 0 && n_thought_ >= plan_->rules.budget;
  }

  bool mask_thinking(std::span<uint32_t> words) {
    if (out_of_budget()) {
      std::fill(words.begin(), words.end(), 0);
      set(words, plan_->last_words[size_t(n_forced_)], true);
      return true;
    }
    if (!answer_) return false;
    std::fill(words.begin(), words.end(), ~uint32_t(0));
    for (Token id : plan_->tokenizer->stop)
      if (id >= 0 && id < plan_->tokenizer->size()) set(words, id, false);
    for (Token id : plan_->straddling[seen_of_end()]) set(words, id, false);
    return true;
  }

  void start_thinking() {
    phase_ = Phase::thinking;
    tail_.clear();
  }

  /// Without an opening of one token the first text decides whether the model reasons.
  void accept_before(Token token) {
    if (token == plan_->begin) return start_thinking();
    if (answer_ || plan_->begin >= 0) {
      phase_ = Phase::answer;
      if (answer_) answer_->accept(token);
      return;
    }
    tail_ += plan_->tokenizer->bytes(token, false);
    const std::string_view text(tail_);
    const size_t start = text.find_first_not_of(kSpace);
    const std::string_view said = start == text.npos ? std::string_view() : text.substr(start);
    if (said.starts_with(plan_->rules.begin)) return start_thinking();
    if (!plan_->rules.begin.starts_with(said)) phase_ = Phase::answer;
  }

  void accept_thinking(Token token) {
    if (out_of_budget() && token == plan_->last_words[size_t(n_forced_)]) {
      if (++n_forced_ == static_cast<int>(plan_->last_words.size())) phase_ = Phase::answer;
      return;
    }
    ++n_thought_;
    tail_ += plan_->tokenizer->bytes(token, false);
    if (tail_.find(plan_->rules.end) != tail_.npos) {
      phase_ = Phase::answer;
      tail_.clear();
      return;
    }
    const size_t most = plan_->rules.end.size() - 1;
    if (tail_.size() > most) tail_.erase(0, tail_.size() - most);
  }

  /// Bytes of the end's beginning that the text ends with.
  size_t seen_of_end() const {
    const std::string_view end = plan_->rules.end;
    for (size_t n = std::min(end.size() - 1, tail_.size()); n > 0; --n)
      if (tail_.ends_with(end.substr(0, n))) return n;
    return 0;
  }

  const std::shared_ptr<const Plan> plan_;
  const std::unique_ptr<engine::Constraint> answer_;
  Phase phase_ = Phase::before;
  std::string tail_;  // of the text, as far as an opening or end may go on
  int n_thought_ = 0, n_forced_ = 0;
};

}  // namespace

std::shared_ptr<const engine::Constraint> make_thinking(
    const ThinkingRules& rules, std::shared_ptr<const engine::Constraint> answer,
    const model::Tokenizer& tokenizer) {
  STRATA_CHECK(!rules.end.empty());
  auto plan = std::make_shared<Plan>(Plan{rules, &tokenizer, {}, -1, {}});
  plan->last_words = tokenizer.encode(rules.last_words.empty() ? rules.end : rules.last_words,
                                      {.add_special = false});
  plan->begin = rules.begin.empty() ? -1 : tokenizer.find(rules.begin);
  plan->straddling = answer ? find_straddling(tokenizer, rules.end)
                            : std::vector<std::vector<Token>>(rules.end.size());
  return std::make_shared<Thinking>(std::move(plan), answer ? answer->clone() : nullptr);
}

}  // namespace strata::grammar
