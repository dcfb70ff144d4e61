// Eight-bit floats with a scale: FP8 checkpoints, scaled by tensor, row or 128 x 128 block, as
// repack.h writes them. Their codes are floats, so products take float activations.
#pragma once
#include "kernel/quant/f8.h"
#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {

/// x[i] = d q[i]
struct F8 {
  float d;
  uint8_t q[64];
};
static_assert(sizeof(F8) == 68);

template <float (*value)(uint8_t)>
void f8_to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b) {
    const auto block = read<F8>(stored, b);
    for (int i = 0; i < 64; ++i) *out++ = block.d * value(block.q[i]);
  }
}

template <uint8_t (*code_of)(float), float top>
void f8_from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 64) {
    float most = 0;
    for (int i = 0; i < 64; ++i) most = std::max(most, std::fabs(finite(values[i])));
    F8 block{.d = most / top, .q = {}};
    for (int i = 0; i < 64; ++i)
      block.q[i] = block.d > 0 ? code_of(finite(values[i]) / block.d) : uint8_t(0);
    write(block, stored, b);
  }
}

inline void f8_codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b)
    std::memcpy(u[b], span + int(sizeof(F8)) * (b / 2) + 4 + 32 * (b % 2), 32);
}

inline void f8_scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int i = 0; i < (blocks + 1) / 2; ++i) to.f32(i, read<F8>(span, i).d);
}

constexpr Packing f8_packing() {
  return {{.coding = layout::Coding::u8, .header = layout::Header::wide, .scales = 4},
          f8_codes, f8_scales};
}

}  // namespace strata::kernel::quant
