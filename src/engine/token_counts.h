// How often each token occurred in a sequence, for the penalties.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "engine/request.h"

namespace strata::engine {

/// Open addressing by token id; grows by doubling, so that steps rarely allocate.
class TokenCounts {
 public:
  struct Entry {
    Token token = -1;           // -1: empty
    int32_t output = 0;         // times generated
  };

  void add_prompt(Token token) { entry(token); }
  void add_output(Token token) { ++entry(token).output; }

  template <class F>
  void each(F&& f) const {
    for (const Entry& e : slots_)
      if (e.token >= 0) f(e);
  }

 private:
  Entry& entry(Token token) {
    if ((n_ + 1) * 2 > slots_.size()) grow();
    Entry& found = slot(token);
    if (found.token < 0) {
      found.token = token;
      ++n_;
    }
    return found;
  }
  Entry& slot(Token token) {
    size_t mask = slots_.size() - 1;
    size_t i = uint32_t(token) * 0x9E3779B9u >> shift_;   // the high bits are the mixed ones
    while (slots_[i].token >= 0 && slots_[i].token != token) i = (i + 1) & mask;
    return slots_[i];
  }
  void grow() {
    std::vector<Entry> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    shift_ = 32 - std::countr_zero(slots_.size());
    for (const Entry& e : old)
      if (e.token >= 0) slot(e.token) = e;
  }

  std::vector<Entry> slots_;
  size_t n_ = 0;
  int shift_ = 0;
};

}  // namespace strata::engine
