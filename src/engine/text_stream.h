// From tokens to text: incremental detokenising that never emits half a UTF-8 character, and stop
// strings found across token borders. Runs on I/O threads, off the step.
#pragma once
#include <string>
#include <vector>

#include "model/tokenizer.h"

namespace strata::engine {

class TextStream {
 public:
  /// `stop`: strings that end the text and are left out of it (kept if include_stop). `kept`:
  /// special tokens that are not skipped.
  TextStream(const model::Tokenizer& tokenizer, std::vector<std::string> stop,
             bool skip_special = true, bool include_stop = false,
             std::vector<model::Token> kept = {});

  struct Piece {
    std::string text;            // safe to emit now
    bool stopped = false;        // a stop string was found: nothing more will come
    std::string stop;            // which
  };
  /// Text that became certain with this token. What could be the start of a stop string or of a
  /// character is held back.
  Piece push(model::Token token);
  /// What was held back (incomplete UTF-8 becomes U+FFFD).
  std::string flush();

 private:
  const model::Tokenizer* tokenizer_;
  std::vector<std::string> stop_;
  std::vector<model::Token> kept_;
  bool skip_special_, include_stop_;
  bool first_ = true, stopped_ = false;
  std::string pending_;
};

}  // namespace strata::engine
