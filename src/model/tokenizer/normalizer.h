// What a text goes through before it is cut into pieces.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/regex.h"
#include "model/tokenizer/trie.h"

namespace strata::model::tokenizer {

/// Thread-safe. Text in and out is well-formed UTF-8 (but for replace and prepend, which take any).
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string_view text) const = 0;
};
using NormalizerPtr = std::unique_ptr<Normalizer>;

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
/// Cost: O(n log n), also for long runs of combining marks.
NormalizerPtr unicode_normalizer(UnicodeForm form);
/// Every character to lower case by itself.
NormalizerPtr lowercase_normalizer();
/// Drops combining marks (M).
NormalizerPtr strip_accents_normalizer();
/// Drops white space at the ends.
NormalizerPtr strip_normalizer(bool left, bool right);
/// Puts `prefix` before a text that is not empty.
NormalizerPtr prepend_normalizer(std::string prefix);
/// Puts `suffix` behind a text that is not empty.
NormalizerPtr append_normalizer(std::string suffix);
NormalizerPtr replace_normalizer(std::string from, std::string to);
NormalizerPtr replace_normalizer(Regex from, std::string to);
/// Drops control characters, and makes all kinds of white space a space, as T5's nmt_nfkc does.
NormalizerPtr nmt_normalizer();
/// Drops spaces at the ends, and all but one of neighbouring ones.
NormalizerPtr single_space_normalizer();
NormalizerPtr sequence_normalizer(std::vector<NormalizerPtr> steps);

struct BertOptions {
  bool clean_text = true;        // drops control characters, makes white space a space
  bool space_around_cjk = true;
  bool strip_accents = true;     // NFD without nonspacing marks (Mn)
  bool lowercase = true;
};
/// Source: Devlin et al., BERT, the BasicTokenizer published with it.
NormalizerPtr bert_normalizer(const BertOptions& options);

/// SentencePiece's precompiled_charsmap: a size, a double-array trie of that many bytes from
/// sequences to offsets, then replacements that end in NUL. The longest sequence is replaced,
/// but where the text goes on with one of `kept`, which stays.
/// Errors: data_loss if the parts do not fit.
NormalizerPtr charsmap_normalizer(std::string charsmap, Trie kept = {});

}  // namespace strata::model::tokenizer
