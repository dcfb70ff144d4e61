#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

int scale_of(const uint8_t* p, int s) {
  return (p[s % 8] >> (s / 8 * 4) & 15) | (p[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
}

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q3_K>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 256; ++i) {
      const int low = block.q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
      const int q = low | (block.high[i % 32] >> (i / 32) & 1) << 2;
      out[i] = d * float(scale_of(block.scale, i / 16) - 32) * float(q - 4);
    }
  }
}

const FormatFile file({{"Q3_K", Type::q3_k, 11, 256, 110, true}, to_f32, nullptr});

}  // namespace
}  // namespace strata::kernel::quant
