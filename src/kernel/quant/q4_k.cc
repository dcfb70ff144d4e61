#include "kernel/quant/format.h"
#include "kernel/quant/scale_min.h"

namespace strata::kernel::quant {
namespace {

/// 8 groups of 32: x = d scale q - d_min min; scales and minima as scale_min.h says. Each 32 bytes
/// hold two groups: the even one in the low nibbles, the odd one in the high nibbles.
struct Q4_K {
  uint16_t d, d_min;
  uint8_t scale[12];
  uint8_t q[128];
};
static_assert(sizeof(Q4_K) == 144);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q4_K>(stored, b);
    const ScaleMin six = unpack_scale_min(block.scale);
    const float d = half::from_f16(block.d), d_min = half::from_f16(block.d_min);
    for (int s = 0; s < 8; ++s) {
      const float scale = d * float(six.scale[s]), min = d_min * float(six.min[s]);
      const uint8_t* q = block.q + s / 2 * 32;
      for (int l = 0; l < 32; ++l) out[32 * s + l] = scale * float(q[l] >> (s % 2 * 4) & 15) - min;
    }
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    const ScaleMinFit fit = fit_scale_min(values, 15);
    Q4_K block{fit.d, fit.d_min, {}, {}};
    pack_scale_min(fit.six, block.scale);
    for (int i = 0; i < 256; ++i) block.q[i / 64 * 32 + i % 32] |= fit.q[i] << (i / 32 % 2 * 4);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<Q4_K>(span, 0);
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j) u[b][j] = word(block.q + b / 2 * 32, j) >> b % 2 * 4 & bytes(15);
}

const FormatFile file(
    {{"Q4_K", Type::q4_k, 12, 15, 256, 144, true},
     to_f32,
     from_f32,
     {{layout::Coding::u4_min, layout::Header::k4}, codes, six_bit_scales<Q4_K>}});

}  // namespace
}  // namespace strata::kernel::quant
