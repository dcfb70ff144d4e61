#include "fleet/token_sets.h"

#include <algorithm>

namespace strata::fleet {

std::vector<engine::Token> TokenSets::containing(const std::vector<std::string>& strings) {
  std::lock_guard lock(mutex_);
  if (strings == last_strings_) return last_tokens_;
  last_tokens_.clear();
  for (engine::Token id = 0; id < tokenizer_.size(); ++id) {
    const std::string text = tokenizer_.bytes(id, false);
    if (std::any_of(strings.begin(), strings.end(),
                    [&](const std::string& s) { return text.find(s) != std::string::npos; }))
      last_tokens_.push_back(id);
  }
  last_strings_ = strings;
  return last_tokens_;
}

std::vector<std::vector<engine::Token>> TokenSets::forms(
    const std::vector<std::string>& words) const {
  std::vector<std::vector<engine::Token>> known;
  for (const std::string& word : words) {
    // At the start of a text and within one a word has different tokens.
    for (const std::string& form : {word, " " + word}) {
      auto ids = tokenizer_.encode(form, {.add_special = false, .parse_special = false});
      if (!ids.empty() && std::find(known.begin(), known.end(), ids) == known.end())
        known.push_back(std::move(ids));
    }
  }
  return known;
}

}  // namespace strata::fleet
