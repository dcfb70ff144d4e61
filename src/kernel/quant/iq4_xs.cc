#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<IQ4_XS>(stored, b);
    const float d = half::from_f16(block.d);
    for (int s = 0; s < 8; ++s) {
      const int low = block.scale_low[s / 2] >> (s % 2 * 4) & 15;
      const int scale = low | (block.scale_high >> (2 * s) & 3) << 4;
      const float d_s = d * float(scale - 32);
      for (int i = 0; i < 32; ++i)
        out[32 * s + i] = d_s * float(kIq4Values[nibble(block.q + 16 * s, i)]);
    }
  }
}

const FormatFile file({{"IQ4_XS", Type::iq4_xs, 23, 256, 136, true}, to_f32, nullptr});

}  // namespace
}  // namespace strata::kernel::quant
