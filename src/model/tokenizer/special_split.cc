#include "model/tokenizer/special_split.h"

#include <unicode/uchar.h>

#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

bool word_character(char32_t c) {
  return u_isUAlphabetic(static_cast<UChar32>(c)) || c == U'_' ||
         (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK));
}

// The character that ends at `at`, where that is a well-formed one.
size_t start_of_last(std::string_view text, size_t at) {
  size_t i = at;
  while (i > 0 && at - i < 4) {
    --i;
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) break;
  }
  return i;
}

bool touches_word(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    size_t at = start_of_last(text, begin);
    if (sequence_length(text.substr(at)) && word_character(next_code_point(text, at))) return true;
  }
  size_t at = end;
  return sequence_length(text.substr(end)) && word_character(next_code_point(text, at));
}

size_t skip_space_left(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    size_t i = start_of_last(text, at);
    const size_t begin = i;
    if (!sequence_length(text.substr(i)) ||
        !u_isUWhiteSpace(static_cast<UChar32>(next_code_point(text, i))))
      break;
    at = std::max(begin, limit);
  }
  return at;
}

size_t skip_space_right(std::string_view text, size_t at) {
  while (at < text.size() && sequence_length(text.substr(at))) {
    size_t next = at;
    if (!u_isUWhiteSpace(static_cast<UChar32>(next_code_point(text, next)))) break;
    at = next;
  }
  return at;
}

}  // namespace

void SpecialSplit::add(std::string_view text, const AddedToken& token) {
  if (text.empty()) return;
  trie_.insert(text, static_cast<int32_t>(added_.size()));
  added_.push_back(token);
  starts_[static_cast<uint8_t>(text[0])] = true;
}

std::vector<SpecialSplit::Part> SpecialSplit::split(std::string_view text,
                                                    bool parse_special) const {
  std::vector<Part> parts;
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    if (!starts_[static_cast<uint8_t>(text[i])]) {
      ++i;
      continue;
    }
    size_t size = 0;
    const AddedToken* token = nullptr;
    trie_.each_prefix(text.substr(i), [&](size_t n, int32_t index) {
      if (added_[index].special && !parse_special) return;
      size = n;
      token = &added_[index];
    });
    if (!token || (token->single_word && touches_word(text, i, i + size))) {
      i += std::max<size_t>(size, 1);
      continue;
    }
    const size_t begin = token->lstrip ? skip_space_left(text, i, done) : i;
    const size_t end = token->rstrip ? skip_space_right(text, i + size) : i + size;
    if (begin > done) parts.push_back({{done, begin}, -1});
    parts.push_back({{begin, end}, token->id});
    i = done = end;
  }
  if (done < text.size()) parts.push_back({{done, text.size()}, -1});
  return parts;
}

}  // namespace strata::model::tokenizer
