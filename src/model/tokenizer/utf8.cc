#include "model/tokenizer/utf8.h"

#include <simdjson.h>

namespace strata::model::tokenizer {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Range of the second byte after `lead` (Unicode 15, table 3-7); {1, 0} if `lead` starts nothing.
struct Second { uint8_t low, high; };
Second second_byte(uint8_t lead) {
  if (lead < 0xC2 || lead > 0xF4) return {1, 0};
  if (lead == 0xE0) return {0xA0, 0xBF};
  if (lead == 0xED) return {0x80, 0x9F};
  if (lead == 0xF0) return {0x90, 0xBF};
  if (lead == 0xF4) return {0x80, 0x8F};
  return {0x80, 0xBF};
}

// Length of the longest prefix that some well-formed sequence starts with; `complete` if it is one.
int subpart(std::string_view text, bool& complete) {
  complete = false;
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return complete = true, 1;
  const Second range = second_byte(byte(0));
  if (text.size() < 2 || byte(1) < range.low || byte(1) > range.high) return 1;
  const size_t length = length_of_lead(byte(0));
  for (size_t i = 2; i < length; ++i)
    if (i >= text.size() || (byte(i) & 0xC0) != 0x80) return static_cast<int>(i);
  complete = true;
  return static_cast<int>(length);
}

}  // namespace

bool valid_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

int sequence_length(std::string_view text) {
  bool complete;
  const int n = subpart(text, complete);
  return complete ? n : 0;
}

char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  char32_t c;
  switch (length_of_lead(lead)) {
    case 1: at += 1; return lead;
    case 2: c = (lead & 0x1Fu) << 6 | (byte(1) & 0x3Fu); at += 2; return c;
    case 3:
      c = (lead & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
      at += 3;
      return c;
    default:
      c = (lead & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 |
          (byte(3) & 0x3Fu);
      at += 4;
      return c;
  }
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000)
    return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F));
  put(0x80 | (c & 0x3F));
}

std::string replace_ill_formed(std::string_view text) {
  if (valid_utf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    bool complete;
    const int n = subpart(text, complete);
    out += complete ? text.substr(0, n) : replacement;
    text.remove_prefix(n);
  }
  return out;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0;;) {
    const size_t hit = text.find(from, at);
    out += text.substr(at, hit - at);
    if (hit == text.npos) return out;
    out += to;
    at = hit + from.size();
  }
}

}  // namespace strata::model::tokenizer
