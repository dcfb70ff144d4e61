// Tokens of words seen before. Bounded: a new word takes the place of an old one.
#pragma once
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "model/tokenizer.h"

namespace strata::model::tokenizer {

/// Direct-mapped, one cache line a word, 1 MiB in all. Thread-safe: one lock for each 1/64 of it.
class WordCache {
 public:
  static constexpr size_t max_bytes = 26, max_ids = 9;

  static bool fits(std::string_view word) { return word.size() <= max_bytes; }

  /// Appends the word's tokens to `out` if it is known. Precondition: fits(word).
  bool find(std::string_view word, std::vector<Token>& out) const {
    const size_t slot = slot_of(word);
    const std::lock_guard lock(locks_[slot % n_lock]);
    const Entry& e = entries_[slot];
    if (e.size != word.size() || std::memcmp(e.word, word.data(), e.size) != 0) return false;
    out.insert(out.end(), e.ids, e.ids + e.n);
    return true;
  }
  void put(std::string_view word, std::span<const Token> ids) const {
    if (ids.size() > max_ids) return;
    const size_t slot = slot_of(word);
    const std::lock_guard lock(locks_[slot % n_lock]);
    Entry& e = entries_[slot];
    e.size = static_cast<uint8_t>(word.size());
    e.n = static_cast<uint8_t>(ids.size());
    std::memcpy(e.word, word.data(), word.size());
    std::copy(ids.begin(), ids.end(), e.ids);
  }

 private:
  static constexpr size_t n_entry = 16384, n_lock = 64;
  struct alignas(64) Entry {
    uint8_t size = 0, n = 0;   // size 0: free
    char word[max_bytes];
    Token ids[max_ids];
  };
  static size_t slot_of(std::string_view word) {
    return std::hash<std::string_view>{}(word) % n_entry;
  }
  std::unique_ptr<Entry[]> entries_ = std::make_unique<Entry[]>(n_entry);
  mutable std::array<std::mutex, n_lock> locks_;
};

}  // namespace strata::model::tokenizer
