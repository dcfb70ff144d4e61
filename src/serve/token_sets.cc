#include "serve/token_sets.h"

#include <algorithm>

namespace strata::serve {

/// Ascending ids of the tokens whose text holds one of `strings`. Cost: the vocabulary's text, once
/// for strings that are asked for again and again.
const std::vector<engine::Token>& TokenSets::containing(const std::vector<std::string>& strings) {
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

engine::SamplingParams TokenSets::resolve(const GenerationRequest& request) {
  engine::SamplingParams sampling = request.sampling;
  for (const std::string& word : request.bad_words) {
    // At the start of a text and within one a word has different tokens.
    for (const std::string& form : {word, " " + word}) {
      auto ids = tokenizer_.encode(form, {.add_special = false, .parse_special = false});
      auto& known = sampling.bad_words;
      if (!ids.empty() && std::find(known.begin(), known.end(), ids) == known.end())
        known.push_back(std::move(ids));
    }
  }
  if (sampling.dry_multiplier > 0) {
    std::lock_guard lock(mutex_);
    sampling.dry_breakers = containing(request.dry_sequence_breakers);
  }
  return sampling;
}

}  // namespace strata::serve
