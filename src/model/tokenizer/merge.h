// Greedy merging of neighbours, best first: the core of both kinds of byte-pair encoding.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/tokenizer.h"

namespace strata::model::tokenizer {

/// A part of the word and its token (-1: none). A symbol merged into its left neighbour has size 0.
struct Symbol {
  uint32_t begin, size;
  int32_t prev, next;
  Token id;
};

/// Symbol `left` and the one after it, `size` bytes together, become token `id`.
struct Candidate {
  double cost;        // lowest first, then leftmost
  int32_t left;
  uint32_t size;
  Token id;
  bool operator<(const Candidate& o) const {   // the heap's top is the largest
    return cost != o.cost ? cost > o.cost : left > o.left;
  }
};

/// lookup(left symbol, right symbol, candidate) fills cost and id and returns true if the two may
/// merge. A candidate is stale if the bytes of its two symbols have changed in number: symbols
/// only grow. Cost: O(n log n) for n symbols.
template <class Lookup>
void merge_symbols(std::vector<Symbol>& symbols, std::vector<Candidate>& heap, Lookup&& lookup) {
  const auto candidate = [&](int32_t left, Candidate& c) {
    const Symbol& a = symbols[left];
    if (a.next < 0) return false;
    const Symbol& b = symbols[a.next];
    c.left = left;
    c.size = a.size + b.size;
    return lookup(a, b, c);
  };
  heap.clear();
  Candidate c;
  for (int32_t i = 0; i + 1 < static_cast<int32_t>(symbols.size()); ++i)
    if (candidate(i, c)) heap.push_back(c);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    const Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end());
    heap.pop_back();
    Symbol& a = symbols[best.left];
    if (a.size == 0 || a.next < 0 || a.size + symbols[a.next].size != best.size) continue;
    Symbol& b = symbols[a.next];
    a.size = best.size;
    a.id = best.id;
    a.next = b.next;
    b.size = 0;
    if (a.next >= 0) symbols[a.next].prev = best.left;
    for (const int32_t left : {a.prev, best.left})
      if (left >= 0 && candidate(left, c)) {
        heap.push_back(c);
        std::push_heap(heap.begin(), heap.end());
      }
  }
}

}  // namespace strata::model::tokenizer
