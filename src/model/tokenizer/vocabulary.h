// Pieces by id and ids by piece.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer.h"

namespace strata::model::tokenizer {

/// Limits of what a file may declare.
inline constexpr size_t max_vocabulary = size_t{1} << 23, max_vocabulary_bytes = size_t{1} << 28;

/// The numbers are GGUF's (tokenizer.ggml.token_type).
enum class TokenType : uint8_t {
  normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6
};

class Vocabulary {
 public:
  /// Ids are given in order. An empty piece takes its id and is never found.
  /// Errors: data_loss past the limits.
  Token add(std::string_view piece, TokenType type);
  /// To be called once after the last add, before find.
  void build_index();

  int size() const { return static_cast<int>(types_.size()); }
  bool contains(Token id) const { return id >= 0 && id < size(); }
  /// Empty if `id` is out of range.
  std::string_view piece(Token id) const;
  TokenType type(Token id) const { return contains(id) ? types_[id] : TokenType::unused; }
  /// -1 if absent; the lowest id if several have this piece.
  Token find(std::string_view piece) const;
  /// The id of byte-fallback token "<0xNN>", -1 if absent.
  Token find_byte(uint8_t byte) const;
  size_t longest_piece() const { return longest_; }

 private:
  std::string text_;               // all pieces, one after the other
  std::vector<uint32_t> ends_;
  std::vector<TokenType> types_;
  std::vector<Token> slots_;       // open addressing, a power of two, -1: free
  size_t longest_ = 0;
};

}  // namespace strata::model::tokenizer
