// The 16 numbers of four bits, E2M1, that MXFP4 and NVFP4 scale. Source: OCP Microscaling Formats
// (MX) Specification 1.0, section 5.3.3.
#pragma once
#include <cstdint>

#include "kernel/quant/levels.h"

namespace strata::kernel::quant {

/// Twice the numbers, by code; the scales take the half.
inline constexpr int8_t kFp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
inline constexpr Codebook kFp4Book(kFp4Values, 16);

/// The code of the number nearest to x / d, and what is lost with it is added to `error`.
inline uint8_t fp4_code(float x, float d, double& error) {
  const float a = d > 0 ? (x < 0 ? -x : x) / d : 0;
  int i = 0;
  while (i < 7 && a > 0.5f * float(kFp4Values[i] + kFp4Values[i + 1])) ++i;
  const double e = double(x < 0 ? -x : x) - double(d) * kFp4Values[i];
  error += e * e;
  return uint8_t(x < 0 ? i | 8 : i);
}

}  // namespace strata::kernel::quant
