#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q2_K>(stored, b);
    const float d = half::from_f16(block.d), d_min = half::from_f16(block.d_min);
    for (int i = 0; i < 256; ++i) {
      const int scale = block.scale[i / 16];
      const int q = block.q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
      out[i] = d * float(scale & 15) * float(q) - d_min * float(scale >> 4);
    }
  }
}

const FormatFile file({{"Q2_K", Type::q2_k, 10, 256, 84, true}, to_f32, nullptr});

}  // namespace
}  // namespace strata::kernel::quant
