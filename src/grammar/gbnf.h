// Grammars in GBNF, the form of llama.cpp, as Lark grammars.
#pragma once
#include <string_view>

#include "grammar/source.h"

namespace strata::grammar {

/// Rules that contain no recursion become one regular expression each; between the parts of
/// recursive ones the longest match counts.
/// Errors: invalid_argument with the line and what was expected there, for a rule that is not
/// defined, and for a grammar without "root".
Source gbnf_source(std::string_view text);

}  // namespace strata::grammar
