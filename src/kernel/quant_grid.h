// The grids of the IQ1, IQ2 and IQ3 formats: an entry names a level for each of 8 (IQ3: 4)
// neighbouring columns, in two (three) bits a column, the first column lowest.
#pragma once
#include <cstdint>

namespace strata::kernel::quant {

extern const uint16_t kGridIq2Xxs[256], kGridIq2Xs[512], kGridIq2S[1024];
extern const uint16_t kGridIq3Xxs[256], kGridIq3S[512];
extern const uint16_t kGridIq1[2048];

}  // namespace strata::kernel::quant
