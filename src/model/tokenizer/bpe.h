// Byte-pair encoding by rank of merges.
// Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units",
// section 3.2.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>

#include "model/tokenizer/word_cache.h"
#include "model/tokenizer/word_model.h"

namespace strata::model::tokenizer {

struct Merge { std::string_view left, right; };

class Bpe : public WordModel {
 public:
  struct Options {
    bool bytes = true;            // a symbol is a byte, spelt as in byte_map.h; else a character
    bool byte_fallback = false;   // an unknown character becomes its bytes "<0xNN>"
    bool ignore_merges = false;   // a word that is a token is that token
    bool fuse_unknown = false;    // neighbouring unknown characters become one token
    Token unknown = -1;           // -1: unknown characters are dropped
    std::string continuing_prefix{};   // "##", before all symbols but the first
    std::string end_suffix{};          // "</w>", after the last one
  };
  /// Merges, best first. One whose parts or result are no tokens can never apply and is left out.
  /// No merges at all: the vocabulary is in the order of merging, as in tiktoken's files.
  Bpe(const Vocabulary& vocabulary, std::span<const Merge> merges, Options options);

  /// Cost: O(n log n) for n bytes; a table look-up for words seen before.
  void encode(std::string_view word, Scratch& scratch, std::vector<Token>& out) const override;

  /// Those that can apply, best first.
  std::vector<Merge> merges() const;

 private:
  /// (left id, right id) -> rank and resulting id: open addressing.
  class Pairs {
   public:
    struct Entry { uint64_t key = 0; uint32_t rank = 0; Token id = -1; };   // id -1: free
    void reserve(size_t n);
    void insert(Token left, Token right, Token id);   // rank: order of insertion; first one counts
    const Entry* find(Token left, Token right) const;
    std::vector<std::pair<Token, Token>> in_order() const;
   private:
    size_t slot_of(uint64_t key) const { return (key * 0x9E3779B97F4A7C15ull >> 20) & mask_; }
    std::vector<Entry> entries_;
    size_t mask_ = 0;
    uint32_t n_ = 0;
  };

  void add_merges(std::span<const Merge> merges);
  void add_merges_by_id();
  std::string spelling(std::string_view symbol, bool first, bool last) const;
  void byte_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void character_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void append_unknown(std::string_view word, size_t begin, size_t size,
                      std::vector<Symbol>& symbols) const;
  void merge(Scratch& scratch) const;

  const Vocabulary& vocabulary_;
  Options options_;
  bool affixes_;
  std::array<Token, 256> byte_id_;       // of a lone byte, or of "<0xNN>" for characters
  Pairs pairs_;
  WordCache cache_;
};

}  // namespace strata::model::tokenizer
