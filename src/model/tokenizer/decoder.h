// From a token's spelling back to text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace strata::model::tokenizer {

/// The decoders of tokenizer.json, token by token, so that a stream gives the whole's text.
class Decoder {
 public:
  enum class Kind {
    byte_level,      // byte_map.h backwards
    replace,         // `from` by `to`
    byte_fallback,   // "<0xNN>" is that byte
    strip,           // up to `left` times `from` at the start of the token
    strip_text,      // the same, of the whole text
    metaspace,       // `from` is a space; those of the first token are dropped if `left`
    word_piece,      // a space before all but the first token, unless it continues a word: spelt
                     // with `from`, or, if `to` is given, without that (and not an added token)
    clean_up,        // no space before punctuation and English contractions
  };
  struct Step {
    Kind kind;
    std::string from, to;
    int left = 0;
  };
  Decoder() = default;
  /// `raw_added`: added and special tokens are text already.
  Decoder(std::vector<Step> steps, bool raw_added)
      : steps_(std::move(steps)), raw_added_(raw_added) {}

  /// `first`: the text before it is empty. `added`: an added or special token.
  std::string bytes(std::string_view piece, bool first, bool added) const;

 private:
  std::vector<Step> steps_;
  bool raw_added_ = false;
};

}  // namespace strata::model::tokenizer
