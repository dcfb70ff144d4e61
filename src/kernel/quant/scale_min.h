// The eight six-bit scales and eight six-bit minima that Q4_K and Q5_K keep in 12 bytes.
//
// Groups 0..3: scale in the low six bits of byte s, minimum in those of byte 4 + s. Groups 4..7:
// byte 4 + s holds the low four bits of the scale (low nibble) and of the minimum (high nibble);
// their top two bits are the top bits of byte s - 4 and of byte s.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel/half.h"
#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {

struct ScaleMin {
  uint8_t scale[8], min[8];
};

inline ScaleMin unpack_scale_min(const uint8_t* p) {
  ScaleMin r;
  for (int s = 0; s < 4; ++s) {
    r.scale[s] = p[s] & 63;
    r.min[s] = p[4 + s] & 63;
    r.scale[4 + s] = uint8_t((p[8 + s] & 15) | p[s] >> 6 << 4);
    r.min[4 + s] = uint8_t(p[8 + s] >> 4 | p[4 + s] >> 6 << 4);
  }
  return r;
}

inline void pack_scale_min(const ScaleMin& r, uint8_t* p) {
  for (int s = 0; s < 4; ++s) {
    p[s] = uint8_t(r.scale[s] | r.scale[4 + s] >> 4 << 6);
    p[4 + s] = uint8_t(r.min[s] | r.min[4 + s] >> 4 << 6);
    p[8 + s] = uint8_t((r.scale[4 + s] & 15) | (r.min[4 + s] & 15) << 4);
  }
}

/// Packing::scales of a block with f16 `d` and `d_min` and these twelve bytes in `scale`.
template <class Block>
void six_bit_scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  const auto block = read<Block>(span, 0);
  to.half(0, block.d);
  to.half(32, block.d_min);
  const ScaleMin six = unpack_scale_min(block.scale);
  uint8_t field[16];
  std::memcpy(field, six.scale, 8);
  std::memcpy(field + 8, six.min, 8);
  to.six(field);
}

/// One block of 256 values x ~= d scale q - d_min min, q in [0, n], by a search in each group.
struct ScaleMinFit {
  uint16_t d, d_min;
  ScaleMin six;
  uint8_t q[256];
};

inline ScaleMinFit fit_scale_min(const float* values, int n) {
  float x[256];
  for (int i = 0; i < 256; ++i) x[i] = finite(values[i]);
  Affine group[8];
  float top = 0, top_min = 0;
  for (int s = 0; s < 8; ++s) {
    group[s] = search_affine(x + 32 * s, 32, n, true);
    top = std::max(top, group[s].d);
    top_min = std::max(top_min, -group[s].m);
  }
  ScaleMinFit r;
  r.d = scale_f16(top / 63);
  r.d_min = scale_f16(top_min / 63);
  const float d = half::from_f16(r.d), d_min = half::from_f16(r.d_min);
  for (int s = 0; s < 8; ++s) {
    r.six.scale[s] = uint8_t(code(group[s].d, d, 0, 63));
    r.six.min[s] = uint8_t(code(-group[s].m, d_min, 0, 63));
    const float scale = d * float(r.six.scale[s]), min = d_min * float(r.six.min[s]);
    for (int i = 32 * s; i < 32 * s + 32; ++i) r.q[i] = uint8_t(code(x[i] + min, scale, 0, n));
  }
  return r;
}

}  // namespace strata::kernel::quant
