// UTF-8: decoding, encoding, repair.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::model::tokenizer {

/// "▁", what SentencePiece writes for a space.
inline constexpr std::string_view lower_block = "\xE2\x96\x81";

bool valid_utf8(std::string_view text);

/// Bytes of the well-formed sequence at the start of `text`, 0 if it is ill-formed or empty.
int sequence_length(std::string_view text);

/// Bytes of the sequence that starts with `lead`; for well-formed text only.
inline int length_of_lead(uint8_t lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/// The code point at `at` of well-formed text; moves `at` past it.
char32_t next_code_point(std::string_view text, size_t& at);

void append_utf8(std::string& out, char32_t c);

/// Every maximal ill-formed part becomes one U+FFFD. Source: Unicode 15, section 3.9, "U+FFFD
/// Substitution of Maximal Subparts".
std::string replace_ill_formed(std::string_view text);

/// Every occurrence of `from` (not empty) becomes `to`.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace strata::model::tokenizer
