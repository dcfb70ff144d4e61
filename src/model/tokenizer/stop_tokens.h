// Which tokens end generation.
#pragma once
#include <span>
#include <vector>

#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {

/// `declared` (what the files name; -1 and ids out of range are ignored) and the control tokens
/// whose texts are known to end a turn. Ascending, each once.
std::vector<Token> stop_tokens(const Vocabulary& vocabulary, std::span<const Token> declared);

}  // namespace strata::model::tokenizer
