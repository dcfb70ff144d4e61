// 16-bit floats, element by element. Internal linkage on purpose: included by every kernel file.
#pragma once
#include <cstdint>

namespace strata::kernel::half {

static inline float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
static inline uint32_t as_bits(float f) { return __builtin_bit_cast(uint32_t, f); }

static inline float from_f16(uint16_t h) {
  const uint32_t magnitude = uint32_t(h & 0x7fff) << 13, sign = uint32_t(h & 0x8000) << 16;
  // Multiplying rebiases the exponent and normalises subnormals at once; exponent 31 stays special.
  const uint32_t finite = as_bits(as_float(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000;
  return as_float((magnitude >= 0x0f800000 ? special : finite) | sign);
}

/// Round to nearest even; overflow gives infinity, NaN stays a (quiet) NaN.
static inline uint16_t to_f16(float f) {
  const uint32_t bits = as_bits(f), sign = bits & 0x80000000, magnitude = bits ^ sign;
  // Adding 0.5 lines the subnormal's last bit up with the float's last bit, so the FPU rounds.
  const uint32_t small = as_bits(as_float(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t odd = (magnitude >> 13) & 1;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + odd) >> 13;
  const uint32_t huge = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
  const uint32_t h = magnitude >= 0x47800000 ? huge : magnitude < 0x38800000 ? small : normal;
  return uint16_t(h | (sign >> 16));
}

static inline float from_bf16(uint16_t h) { return as_float(uint32_t(h) << 16); }

/// Round to nearest even; NaN stays a (quiet) NaN.
static inline uint16_t to_bf16(float f) {
  const uint32_t bits = as_bits(f);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return uint16_t((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
}

}  // namespace strata::kernel::half
