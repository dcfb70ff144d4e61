// All substrings of past outputs, and what followed them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/request.h"
#include "engine/speculation/ngram_index.h"

namespace strata::engine {

/// The smallest automaton that knows every substring of the texts it was given. A cursor follows a
/// growing text and always knows the longest suffix of it that occurred.
/// Source: Blumer et al., "The smallest automaton recognizing the subwords of a text", 1985.
class SuffixAutomaton {
 public:
  explicit SuffixAutomaton(int max_tokens);

  /// Adds a text, as far as there is room. Cost: O(1) a token, amortised.
  void add(std::span<const Token> text);
  bool full() const { return static_cast<int>(text_.size()) >= max_tokens_; }
  void clear();

  struct Cursor {
    int32_t state = 0;
    int length = 0;       // of the suffix that occurred
  };
  void advance(Cursor& cursor, Token token) const;
  Match match(const Cursor& cursor) const;
  /// The tokens from `position` on, at most `n`, to the end of their text.
  std::span<const Token> text(int64_t position, int n) const;

 private:
  struct State {
    int32_t length = 0, link = -1;
    int32_t end = -1;     // position of a last token of its substrings
    int32_t edges = -1;   // first of its list
  };
  struct Edge {
    Token token;
    int32_t from, to, next;
  };
  int32_t find_edge(int32_t from, Token token) const;   // -1: none
  void add_edge(int32_t from, Token token, int32_t to);
  int32_t split(int32_t from, Token token, int32_t to);
  int32_t extend(int32_t last, Token token);

  int max_tokens_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<int32_t> table_;          // edges by state and token, open addressing
  std::vector<Token> text_;             // all texts, each ended by -1
};

}  // namespace strata::engine
