#include "model/tokenizer/spm.h"

#include "base/check.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {

Spm::Spm(const Vocabulary& vocabulary, std::vector<float> scores, Token unknown)
    : vocabulary_(vocabulary), scores_(std::move(scores)), unknown_(unknown) {
  STRATA_CHECK(scores_.size() == static_cast<size_t>(vocabulary_.size()));
  for (int b = 0; b < 256; ++b) byte_id_[b] = vocabulary_.find_byte(static_cast<uint8_t>(b));
}

void Spm::encode(std::string_view text, Scratch& scratch, std::vector<Token>& out) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  symbols.clear();
  for (size_t i = 0; i < text.size();) {
    const size_t n = std::max(sequence_length(text.substr(i)), 1);
    const auto at = static_cast<int32_t>(symbols.size());
    symbols.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(n), at - 1, at + 1,
                       vocabulary_.find(text.substr(i, n))});
    i += n;
  }
  symbols.back().next = -1;
  merge_symbols(symbols, scratch.heap, [&](const Symbol& a, const Symbol&, Candidate& c) {
    c.id = vocabulary_.find(text.substr(a.begin, c.size));
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
