#include "model/tokenizer/spm.h"

#include "base/check.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

// Where the word at the start of `text` ends: before a "▁" that follows another character.
size_t word_end(std::string_view text) {
  for (size_t at = 0;;) {
    at = text.find(lower_block, at);
    if (at == text.npos) return text.size();
    const bool after_other = at > 0 && !text.substr(0, at).ends_with(lower_block);
    if (after_other) return at;
    at += lower_block.size();
  }
}

}  // namespace

Spm::Spm(const Vocabulary& vocabulary, std::vector<float> scores, Token unknown)
    : vocabulary_(vocabulary), scores_(std::move(scores)), unknown_(unknown) {
  STRATA_CHECK(scores_.size() == static_cast<size_t>(vocabulary_.size()));
  for (int b = 0; b < 256; ++b) byte_id_[b] = vocabulary_.find_byte(static_cast<uint8_t>(b));
  for (Token id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view piece = vocabulary_.piece(id);
    if (find(piece) == id && word_end(piece) < piece.size()) by_words_ = false;
  }
}

Token Spm::find(std::string_view piece) const {
  const Token id = vocabulary_.find(piece);
  switch (vocabulary_.type(id)) {
    case TokenType::unknown:
    case TokenType::control:
    case TokenType::byte: return -1;
    default: return id;
  }
}

void Spm::encode(std::string_view text, Scratch& scratch, std::vector<Token>& out) const {
  if (!by_words_) return encode_word(text, scratch, out);
  while (!text.empty()) {
    const std::string_view word = text.substr(0, word_end(text));
    text.remove_prefix(word.size());
    if (!WordCache::fits(word)) {
      encode_word(word, scratch, out);
    } else if (!cache_.find(word, out)) {
      const size_t before = out.size();
      encode_word(word, scratch, out);
      cache_.put(word, std::span(out).subspan(before));
    }
  }
}

void Spm::encode_word(std::string_view text, Scratch& scratch, std::vector<Token>& out) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  symbols.clear();
  for (size_t i = 0; i < text.size();) {
    const size_t n = std::max(sequence_length(text.substr(i)), 1);
    const auto at = static_cast<int32_t>(symbols.size());
    symbols.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(n), at - 1, at + 1,
                       find(text.substr(i, n))});
    i += n;
  }
  symbols.back().next = -1;
  merge_symbols(symbols, scratch.heap, [&](const Symbol& a, const Symbol&, Candidate& c) {
    c.id = find(text.substr(a.begin, c.size));
    if (c.id < 0) return false;
    c.cost = -scores_[c.id];
    return true;
  });
  for (const Symbol& s : symbols) {
    if (s.size == 0) continue;
    if (s.id >= 0) {
      out.push_back(s.id);
      continue;
    }
    for (size_t i = 0; i < s.size; ++i) {
      const Token byte = byte_id_[static_cast<uint8_t>(text[s.begin + i])];
      if (byte >= 0) out.push_back(byte);
      else if (unknown_ >= 0) out.push_back(unknown_);
    }
  }
}

}  // namespace strata::model::tokenizer
