// Finds the texts of special and added tokens before anything else looks at the text.
#pragma once
#include <string_view>
#include <vector>

#include "model/tokenizer.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/trie.h"

namespace strata::model::tokenizer {

/// The flags are tokenizer.json's.
struct AddedToken {
  Token id = -1;
  bool special = false;       // found only if the caller parses special tokens
  bool lstrip = false, rstrip = false;   // swallows white space before / after
  bool single_word = false;   // only where no word character touches it
};

class SpecialSplit {
 public:
  /// An empty text is ignored; of equal texts the first counts.
  void add(std::string_view text, const AddedToken& token);
  bool empty() const { return trie_.empty(); }

  struct Part {
    Range range;
    Token token;   // -1: ordinary text
  };
  /// Leftmost first, the longest at each place. Parts cover `text` without empty ones; white space
  /// taken by lstrip and rstrip belongs to the token's part.
  /// Cost: O(n * longest added token).
  std::vector<Part> split(std::string_view text, bool parse_special) const;

 private:
  Trie trie_;                     // value: index into added_
  std::vector<AddedToken> added_;
  bool starts_[256] = {};         // bytes that some token starts with
};

}  // namespace strata::model::tokenizer
