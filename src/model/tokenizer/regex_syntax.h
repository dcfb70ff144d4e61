// From the regular-expression dialect of tokenizer files to PCRE2's.
#pragma once
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

/// tokenizer.json is matched with Oniguruma by its reference; tiktoken's patterns are of the same
/// family. Translated are nested and intersected classes ([a[bc]], [\p{L}&&[^\p{Han}]]), \h, and
/// \s \S \w \W \b \B, which go by White_Space and Alphabetic + M + Nd + Pc there. A published
/// pattern that takes quadratic time on a long run of spaces or digits is replaced by a linear one
/// that cuts a text at the same places.
/// Errors: data_loss for unbalanced classes or past the limits on length and depth.
std::string to_pcre2(std::string_view pattern);

}  // namespace strata::model::tokenizer
