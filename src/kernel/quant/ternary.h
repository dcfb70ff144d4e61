// What the ternary formats share: 256 values x = d (t - 1), t in {0, 1, 2}, d in f16. A block type
// B has the f16 member d, `int code(int i) const` and `void put(const uint8_t* t)`.
#pragma once
#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {

template <class B> void ternary_to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const B block = read<B>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 256; ++i) out[i] = d * float(block.code(i) - 1);
  }
}

template <class B> void ternary_from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    float x[256];
    for (int i = 0; i < 256; ++i) x[i] = finite(values[i]);
    B block{};
    block.d = scale_f16(search_ternary(x, 256));
    const float d = half::from_f16(block.d);
    uint8_t t[256];
    for (int i = 0; i < 256; ++i) t[i] = uint8_t(code(x[i], d, -1, 1) + 1);
    block.put(t);
    write(block, stored, b);
  }
}

template <class B> void ternary_codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const B block = read<B>(span, 0);
  uint8_t t[256];
  for (int i = 0; i < 32 * blocks; ++i) t[i] = uint8_t(block.code(i));
  std::memcpy(u, t, size_t(32 * blocks));
}

template <class B> void ternary_scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  to.f32(0, half::from_f16(read<B>(span, 0).d));
}

template <class B> constexpr Packing ternary_packing() {
  return {{.coding = layout::Coding::u2, .header = layout::Header::wide, .scales = 1},
          ternary_codes<B>, ternary_scales<B>};
}

}  // namespace strata::kernel::quant
