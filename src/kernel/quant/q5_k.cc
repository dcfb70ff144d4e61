#include "kernel/quant/format.h"
#include "kernel/quant/scale_min.h"

namespace strata::kernel::quant {
namespace {

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

const FormatFile file({{"Q5_K", Type::q5_k, 13, 256, 176, true}, to_f32, from_f32});

}  // namespace
}  // namespace strata::kernel::quant
