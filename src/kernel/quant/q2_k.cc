#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

/// 16 groups of 16: x = d (scale & 15) q - d_min (scale >> 4). In each half of 128 values, value
/// 32 j + l takes bits 2j, 2j+1 of byte l of the half's 32 bytes.
struct Q2_K {
  uint8_t scale[16];
  uint8_t q[64];
  uint16_t d, d_min;
};
static_assert(sizeof(Q2_K) == 84);

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

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<Q2_K>(span, 0);
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j) u[b][j] = word(block.q + b / 4 * 32, j) >> b % 4 * 2 & bytes(3);
}

void scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  const auto block = read<Q2_K>(span, 0);
  to.half(0, block.d);
  to.half(32, block.d_min);
  for (int l = 0; l < 4; ++l) to.dword(1 + l, word(block.scale, l));
}

const FormatFile file({{"Q2_K", Type::q2_k, 10, 10, 256, 84, true},
                       to_f32, nullptr,
                       {{layout::Coding::u2x16_min, layout::Header::k2}, codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
