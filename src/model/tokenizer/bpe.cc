#include "model/tokenizer/bpe.h"

#include <algorithm>
#include <bit>

#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {

void Bpe::Pairs::reserve(size_t n) {
  entries_.assign(std::bit_ceil(n * 2 + 1), {});
  mask_ = entries_.size() - 1;
}

void Bpe::Pairs::insert(Token left, Token right, Token id) {
  const uint64_t key = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  const uint32_t rank = n_++;
  size_t slot = slot_of(key);
  for (; entries_[slot].id >= 0; slot = (slot + 1) & mask_)
    if (entries_[slot].key == key) return;
  entries_[slot] = {key, rank, id};
}

const Bpe::Pairs::Entry* Bpe::Pairs::find(Token left, Token right) const {
  const uint64_t key = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  for (size_t slot = slot_of(key); entries_[slot].id >= 0; slot = (slot + 1) & mask_)
    if (entries_[slot].key == key) return &entries_[slot];
  return nullptr;
}

std::vector<std::pair<Token, Token>> Bpe::Pairs::in_order() const {
  std::vector<Entry> used;
  for (const Entry& e : entries_)
    if (e.id >= 0) used.push_back(e);
  std::ranges::sort(used, {}, &Entry::rank);
  std::vector<std::pair<Token, Token>> pairs;
  for (const Entry& e : used)
    pairs.emplace_back(static_cast<Token>(e.key >> 32), static_cast<Token>(e.key & 0xFFFFFFFF));
  return pairs;
}

std::vector<Merge> Bpe::merges() const {
  std::vector<Merge> all;
  for (const auto& [left, right] : pairs_.in_order())
    all.push_back({vocabulary_.piece(left), vocabulary_.piece(right)});
  return all;
}

Bpe::Bpe(const Vocabulary& vocabulary, std::span<const Merge> merges, Options options)
    : vocabulary_(vocabulary), options_(std::move(options)),
      affixes_(!options_.continuing_prefix.empty() || !options_.end_suffix.empty()) {
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<uint8_t>(b);
    byte_id_[b] = options_.bytes ? vocabulary_.find(mapped_byte(byte))
                                 : vocabulary_.find_byte(byte);
  }
  if (merges.empty()) add_merges_by_id();
  else add_merges(merges);
}

void Bpe::add_merges(std::span<const Merge> merges) {
  pairs_.reserve(merges.size());
  const size_t prefix = options_.continuing_prefix.size();
  std::string whole;
  for (const Merge& m : merges) {
    const Token left = vocabulary_.find(m.left), right = vocabulary_.find(m.right);
    whole.assign(m.left).append(m.right.substr(std::min(prefix, m.right.size())));
    const Token id = vocabulary_.find(whole);
    if (left >= 0 && right >= 0 && id >= 0) pairs_.insert(left, right, id);
  }
}

// A token's merge joins the two parts that the merges before it leave of it.
void Bpe::add_merges_by_id() {
  pairs_.reserve(vocabulary_.size());
  Scratch scratch;
  for (Token id = 0; id < vocabulary_.size(); ++id) {
    if (vocabulary_.type(id) != TokenType::normal) continue;
    const std::string_view piece = vocabulary_.piece(id);
    const std::string bytes = options_.bytes ? unmap_bytes(piece) : std::string(piece);
    scratch.symbols.clear();
    if (options_.bytes) byte_symbols(bytes, scratch.symbols);
    else character_symbols(bytes, scratch.symbols);
    merge(scratch);
    const std::vector<Symbol>& s = scratch.symbols;
    if (s.empty() || s[0].next < 0 || s[s[0].next].next >= 0) continue;
    if (s[0].id >= 0 && s[s[0].next].id >= 0) pairs_.insert(s[0].id, s[s[0].next].id, id);
  }
}

std::string Bpe::spelling(std::string_view symbol, bool first, bool last) const {
  std::string s = first ? "" : options_.continuing_prefix;
  s += symbol;
  if (last) s += options_.end_suffix;
  return s;
}

void Bpe::append_unknown(std::string_view word, size_t begin, size_t size,
                         std::vector<Symbol>& symbols) const {
  const auto add = [&](size_t at, size_t n, Token id) {
    symbols.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(n), 0, 0, id});
  };
  if (options_.byte_fallback) {
    bool all = true;
    for (size_t i = 0; i < size; ++i) all &= byte_id_[static_cast<uint8_t>(word[begin + i])] >= 0;
    if (all) {
      for (size_t i = 0; i < size; ++i)
        add(begin + i, 1, byte_id_[static_cast<uint8_t>(word[begin + i])]);
      return;
    }
  }
  if (options_.unknown < 0) return;
  if (options_.fuse_unknown && !symbols.empty() && symbols.back().id == options_.unknown &&
      symbols.back().begin + symbols.back().size == begin)
    symbols.back().size += static_cast<uint32_t>(size);
  else
    add(begin, size, options_.unknown);
}

void Bpe::byte_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  for (size_t i = 0; i < word.size(); ++i) {
    const auto byte = static_cast<uint8_t>(word[i]);
    const Token id = affixes_ ? vocabulary_.find(spelling(mapped_byte(byte), i == 0,
                                                          i + 1 == word.size()))
                              : byte_id_[byte];
    if (id >= 0) symbols.push_back({static_cast<uint32_t>(i), 1, 0, 0, id});
    else append_unknown(word, i, 1, symbols);
  }
}

void Bpe::character_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  for (size_t i = 0; i < word.size();) {
    const size_t n = std::max(sequence_length(word.substr(i)), 1);
    const std::string_view symbol = word.substr(i, n);
    const Token id = affixes_ ? vocabulary_.find(spelling(symbol, i == 0, i + n == word.size()))
                              : vocabulary_.find(symbol);
    if (id >= 0)
      symbols.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(n), 0, 0, id});
    else
      append_unknown(word, i, n, symbols);
    i += n;
  }
}

void Bpe::merge(Scratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  const auto n = static_cast<int32_t>(symbols.size());
  for (int32_t i = 0; i < n; ++i) {
    symbols[i].prev = i - 1;
    symbols[i].next = i + 1 < n ? i + 1 : -1;
  }
  merge_symbols(symbols, scratch.heap, [&](const Symbol& a, const Symbol& b, Candidate& c) {
    const Pairs::Entry* entry = pairs_.find(a.id, b.id);
    if (!entry) return false;
    c.cost = entry->rank;
    c.id = entry->id;
    return true;
  });
}

void Bpe::encode(std::string_view word, Scratch& scratch, std::vector<Token>& out) const {
  const bool cached = WordCache::fits(word);
  if (cached && cache_.find(word, out)) return;
  const size_t before = out.size();
  const Token whole = !options_.ignore_merges ? -1
                      : options_.bytes        ? vocabulary_.find(map_bytes(word))
                                              : vocabulary_.find(word);
  if (whole >= 0) {
    out.push_back(whole);
  } else {
    scratch.symbols.clear();
    if (options_.bytes) byte_symbols(word, scratch.symbols);
    else character_symbols(word, scratch.symbols);
    merge(scratch);
    for (const Symbol& s : scratch.symbols)
      if (s.size) out.push_back(s.id);
  }
  if (cached) cache_.put(word, std::span(out).subspan(before));
}

}  // namespace strata::model::tokenizer
