#include "model/tokenizer/spm.h"

#include <algorithm>

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

Spm::Spm(const Vocabulary& vocabulary, std::vector<float> scores, Options options)
    : vocabulary_(vocabulary), scores_(std::move(scores)), options_(options) {
  STRATA_CHECK(scores_.size() == static_cast<size_t>(vocabulary_.size()));
  for (int b = 0; b < 256; ++b) byte_id_[b] = vocabulary_.find_byte(static_cast<uint8_t>(b));
  for (Token id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view piece = vocabulary_.piece(id);
    if (find(piece) == id && word_end(piece) < piece.size()) by_words_ = false;
    if (whole(id)) user_defined_.insert(piece, id);
  }
  // Unknown characters on both sides of a word's end would be one run.
  if (find(lower_block) < 0) by_words_ = false;
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
    size_t n = 0;
    Token id = -1;
    user_defined_.each_prefix(text.substr(i), [&](size_t size, Token longest) {
      n = size;
      id = longest;
    });
    if (n == 0) {
      n = std::max(sequence_length(text.substr(i)), 1);
      id = find(text.substr(i, n));
    }
    const auto at = static_cast<int32_t>(symbols.size());
    symbols.push_back(
        {static_cast<uint32_t>(i), static_cast<uint32_t>(n), at - 1, at + 1, id});
    i += n;
  }
  symbols.back().next = -1;
  LeftParts left_parts;
  merge_symbols(symbols, scratch.heap, [&](const Symbol& a, const Symbol& b, Candidate& c) {
    if (whole(a.id) || whole(b.id)) return false;
    const std::string_view piece = text.substr(a.begin, c.size);
    c.id = find(piece);
    if (c.id < 0) return false;
    if (falls_apart(c.id)) left_parts[piece] = a.size;
    c.cost = -scores_[c.id];
    return true;
  });
  bool after_unknown = false;
  for (const Symbol& s : symbols) {
    if (s.size == 0) continue;
    const std::string_view piece = text.substr(s.begin, s.size);
    const bool bytes = s.id < 0 && std::ranges::all_of(piece, [&](char c) {
      return byte_id_[static_cast<uint8_t>(c)] >= 0;
    });
    if (s.id >= 0) put(piece, s.id, left_parts, out);
    else if (bytes)
      for (const char c : piece) out.push_back(byte_id_[static_cast<uint8_t>(c)]);
    else if (options_.unknown >= 0 && !after_unknown) out.push_back(options_.unknown);
    after_unknown = s.id < 0 && !bytes;
  }
}

void Spm::put(std::string_view piece, Token id, const LeftParts& left_parts,
              std::vector<Token>& out) const {
  std::vector<std::pair<std::string_view, Token>> todo = {{piece, id}};
  while (!todo.empty()) {
    const auto [part, token] = todo.back();
    todo.pop_back();
    const auto left = falls_apart(token) ? left_parts.find(part) : left_parts.end();
    if (left == left_parts.end()) {
      if (token >= 0) out.push_back(token);
      continue;
    }
    const std::string_view right = part.substr(left->second);
    todo.emplace_back(right, find(right));
    todo.emplace_back(part.substr(0, left->second), find(part.substr(0, left->second)));
  }
}

}  // namespace strata::model::tokenizer
