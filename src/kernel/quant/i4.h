// Four-bit weights in groups with a scale and a zero point, as GPTQ, AWQ and compressed-tensors
// have them and as repack.h writes them.
#pragma once
#include <algorithm>

#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {

/// x[i] = d (q - zero); each 32 values have their nibbles as in Q4_0.
template <int group> struct I4 {
  float d;
  uint8_t zero, unused[3];
  uint8_t q[group / 2];
};

template <int group> void i4_to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b) {
    const auto block = read<I4<group>>(stored, b);
    for (int i = 0; i < group; ++i, ++out)
      *out = block.d * float(nibble(block.q + i / 32 * 16, i % 32) - int(block.zero));
  }
}

// Rounds to nearest between the extremes and zero; the searches are other formats' (GPTQ and AWQ
// choose their codes themselves).
template <int group> void i4_from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += group) {
    float low = 0, high = 0;
    for (int i = 0; i < group; ++i) {
      low = std::min(low, finite(values[i]));
      high = std::max(high, finite(values[i]));
    }
    I4<group> block{};
    block.d = high / 15 - low / 15;
    block.zero = uint8_t(code(-low, block.d, 0, 15));
    for (int i = 0; i < group; i += 32) {
      uint8_t q[32];
      for (int k = 0; k < 32; ++k) {
        const int zero = int(block.zero);
        q[k] = uint8_t(code(finite(values[i + k]), block.d, -zero, 15 - zero) + zero);
      }
      put_nibbles(q, block.q + i / 2);
    }
    write(block, stored, b);
  }
}

template <int group> void i4_codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const int i = 32 * b;
    nibble_words(span + i / group * int(sizeof(I4<group>)) + 8 + i % group / 2, u[b]);
  }
}

template <int group>
void i4_scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  const int n = (32 * blocks + group - 1) / group;
  for (int i = 0; i < n; ++i) {
    const auto block = read<I4<group>>(span, i);
    to.f32(i, block.d);
    to.byte(n + i / 4, i % 4, block.zero);
  }
}

template <int group> constexpr Packing i4_packing() {
  return {{.coding = layout::Coding::u4_min, .header = layout::Header::wide,
           .scales = layout::kSpan / group},
          i4_codes<group>, i4_scales<group>};
}

}  // namespace strata::kernel::quant
