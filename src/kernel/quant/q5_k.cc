#include "kernel/quant/format.h"
#include "kernel/quant/scale_min.h"

namespace strata::kernel::quant {
namespace {

/// As Q4_K; the fifth bit of value l of group s is bit s of high[l].
struct Q5_K {
  uint16_t d, d_min;
  uint8_t scale[12];
  uint8_t high[32];
  uint8_t q[128];
};
static_assert(sizeof(Q5_K) == 176);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q5_K>(stored, b);
    const ScaleMin six = unpack_scale_min(block.scale);
    const float d = half::from_f16(block.d), d_min = half::from_f16(block.d_min);
    for (int s = 0; s < 8; ++s) {
      const float scale = d * float(six.scale[s]), min = d_min * float(six.min[s]);
      const uint8_t* low = block.q + s / 2 * 32;
      for (int l = 0; l < 32; ++l) {
        const int q = (low[l] >> (s % 2 * 4) & 15) | (block.high[l] >> s & 1) << 4;
        out[32 * s + l] = scale * float(q) - min;
      }
    }
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    const ScaleMinFit fit = fit_scale_min(values, 31);
    Q5_K block{fit.d, fit.d_min, {}, {}, {}};
    pack_scale_min(fit.six, block.scale);
    for (int i = 0; i < 256; ++i) {
      block.q[i / 64 * 32 + i % 32] |= uint8_t((fit.q[i] & 15) << (i / 32 % 2 * 4));
      block.high[i % 32] |= uint8_t((fit.q[i] >> 4) << (i / 32));
    }
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<Q5_K>(span, 0);
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j)
      u[b][j] = (word(block.q + b / 2 * 32, j) >> b % 2 * 4 & bytes(15)) |
                (word(block.high, j) >> b & bytes(1)) << 4;
}

const FormatFile file(
    {{"Q5_K", Type::q5_k, 13, 17, 256, 176, true},
     to_f32,
     from_f32,
     {{layout::Coding::u5_min, layout::Header::k4}, codes, six_bit_scales<Q5_K>}});

}  // namespace
}  // namespace strata::kernel::quant
