#include "model/tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <bit>
#include <functional>

#include "base/error.h"

namespace strata::model::tokenizer {

Token Vocabulary::add(std::string_view piece, TokenType type) {
  if (types_.size() >= max_vocabulary || text_.size() + piece.size() > max_vocabulary_bytes)
    fail(Code::data_loss, "tokenizer: more than {} tokens or {} bytes of pieces", max_vocabulary,
         max_vocabulary_bytes);
  text_ += piece;
  ends_.push_back(static_cast<uint32_t>(text_.size()));
  types_.push_back(type);
  longest_ = std::max(longest_, piece.size());
  return size() - 1;
}

void Vocabulary::build_index() {
  slots_.assign(std::bit_ceil(types_.size() * 2 + 1), -1);
  const size_t mask = slots_.size() - 1;
  for (Token id = 0; id < size(); ++id) {
    const std::string_view key = piece(id);
    if (key.empty()) continue;
    size_t slot = std::hash<std::string_view>{}(key) & mask;
    while (slots_[slot] >= 0 && piece(slots_[slot]) != key) slot = (slot + 1) & mask;
    if (slots_[slot] < 0) slots_[slot] = id;
  }
}

std::string_view Vocabulary::piece(Token id) const {
  if (!contains(id)) return {};
  const uint32_t begin = id ? ends_[id - 1] : 0;
  return std::string_view(text_).substr(begin, ends_[id] - begin);
}

Token Vocabulary::find(std::string_view key) const {
  if (key.empty() || key.size() > longest_ || slots_.empty()) return -1;
  const size_t mask = slots_.size() - 1;
  for (size_t slot = std::hash<std::string_view>{}(key) & mask;; slot = (slot + 1) & mask)
    if (slots_[slot] < 0 || piece(slots_[slot]) == key) return slots_[slot];
}

Token Vocabulary::find_byte(uint8_t byte) const { return find(fmt::format("<0x{:02X}>", byte)); }

}  // namespace strata::model::tokenizer
