// Reasoning before the answer: the constraint of the answer waits for its end, and a budget may
// bring that end about.
#pragma once
#include <memory>
#include <string>

#include "engine/constraint.h"
#include "model/tokenizer.h"

namespace strata::grammar {

struct ThinkingRules {
  std::string begin = {};       // what opens the reasoning ("<think>"); empty: it has no opening
  std::string end = {};         // what the answer follows ("</think>"); not empty
  bool inside = false;          // the prompt ends within the reasoning
  int budget = -1;              // tokens of reasoning, after which it is ended; -1: any number
  std::string last_words = {};  // what ends it then; contains `end`
};

/// `answer`: the constraint of what follows; null: none. While the model reasons anything may come
/// but the end of the text, if an answer is owed; where the reasoning is optional, its opening or
/// what the answer allows. The tokenizer outlives it.
std::shared_ptr<const engine::Constraint> make_thinking(
    const ThinkingRules& rules, std::shared_ptr<const engine::Constraint> answer,
    const model::Tokenizer& tokenizer);

}  // namespace strata::grammar
