#include "kernel/experts.h"

#include <algorithm>

namespace strata::kernel {
namespace {

// A row's records: block b at first[b * step].
struct Place {
  int64_t first, step;
  Place(int64_t cols, int64_t tokens, int64_t row) {
    const int64_t tile = row / kTileTokens * kTileTokens;
    step = std::min<int64_t>(kTileTokens, tokens - tile);
    first = record_offset(cols, tile) + (row - tile);
  }
};

}  // namespace

void gather_records(const Record* batch, int64_t cols, int64_t tokens, const int32_t* from,
                    int64_t n, Record* out) {
  const auto blocks = static_cast<int64_t>(record_count(cols, 1));
  for (int64_t i = 0; i < n; ++i) {
    const Place source(cols, tokens, from[i]), target(cols, n, i);
    for (int64_t b = 0; b < blocks; ++b)
      out[target.first + b * target.step] = batch[source.first + b * source.step];
  }
}

}  // namespace strata::kernel
