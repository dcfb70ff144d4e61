#include "engine/speculation/ngram_index.h"

#include <algorithm>
#include <bit>

namespace strata::engine {

uint32_t NgramIndex::hash(const Token* gram) {
  uint64_t h = 0;
  for (int i = 0; i < kMin; ++i) h = (h + uint32_t(gram[i]) + 1) * 0x9E3779B97F4A7C15u;
  return static_cast<uint32_t>(h >> 32);
}

void NgramIndex::extend(std::span<const Token> text) {
  const size_t n = text.size();
  previous_.resize(n + 1, -1);
  if (heads_.size() < 2 * n) {
    heads_.assign(std::bit_ceil(std::max<size_t>(2 * n, 256)) * 2, -1);
    n_text_ = 0;   // all of it goes into the larger table
  }
  const uint32_t mask = static_cast<uint32_t>(heads_.size() - 1);
  for (int32_t end = std::max(n_text_ + 1, kMin); end <= static_cast<int32_t>(n); ++end) {
    int32_t& head = heads_[hash(&text[end - kMin]) & mask];
    previous_[end] = head;
    head = end;
  }
  n_text_ = static_cast<int32_t>(n);
}

Match NgramIndex::find(std::span<const Token> text) const {
  const auto n = static_cast<int32_t>(text.size());
  Match best;
  if (n < kMin || n != n_text_) return best;
  // The chain starts with the end of the text itself.
  int32_t at = previous_[n];
  for (int scan = kScan; at >= 0 && scan > 0; at = previous_[at], --scan) {
    int length = 0;
    while (length < kMax && length < at && text[at - 1 - length] == text[n - 1 - length]) ++length;
    if (length >= kMin && length > best.length) best = {length, at};
  }
  return best;
}

}  // namespace strata::engine
