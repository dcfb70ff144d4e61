// Numbers of eight bits: E4M3 (no infinities, 0x7f is not a number) and E5M2 (the top byte of an
// f16). Source: Micikevicius et al., FP8 Formats for Deep Learning, 2022, section 3.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernel/half.h"

namespace strata::kernel::quant {

inline constexpr float kMaxE4m3 = 448, kMaxE5m2 = 57344;

// The bits of either kind are, at a float's exponent, 2^-120 (2^-112) of the number. What stands
// for no number or infinity reads as the finite number that its bits would continue with.
inline float from_e4m3(uint8_t q) {
  return half::as_float(uint32_t(q & 0x80) << 24 | uint32_t(q & 0x7f) << 20) * 0x1p120f;
}
inline float from_e5m2(uint8_t q) {
  return half::as_float(uint32_t(q & 0x80) << 24 | uint32_t(q & 0x7f) << 21) * 0x1p112f;
}

/// The nearest number of `mantissa` bits whose smallest step is 2^`step`; saturates at `top`.
inline uint8_t to_f8(float x, int mantissa, int step, float top) {
  const float a = std::min(std::fabs(x), top);
  int exponent;
  std::frexp(std::max(a, std::ldexp(1.0f, step)), &exponent);
  const int unit = std::max(exponent - 1 - mantissa, step);
  // At the even neighbour above, the exponent carries by itself.
  const int field = unit - step;
  const int steps = int(std::nearbyint(std::ldexp(a, -unit)));
  return uint8_t((std::signbit(x) ? 0x80 : 0) | ((field << mantissa) + steps));
}
inline uint8_t to_e4m3(float x) { return to_f8(x, 3, -9, kMaxE4m3); }
inline uint8_t to_e5m2(float x) { return to_f8(x, 2, -16, kMaxE5m2); }

}  // namespace strata::kernel::quant
