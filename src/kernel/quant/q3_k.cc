#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

/// 16 groups of 16: x = d (scale - 32) (q - 4). Low two bits as in Q2_K; the third, of value
/// 32 s + l of the block, is bit s of high[l]. Six-bit scales: low four bits of scale s are nibble
/// s / 8 of byte s % 8; the top two are bits 2 (s / 4) of byte 8 + s % 4.
struct Q3_K {
  uint8_t high[32];
  uint8_t q[64];
  uint8_t scale[12];
  uint16_t d;
};
static_assert(sizeof(Q3_K) == 110);

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

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<Q3_K>(span, 0);
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j)
      u[b][j] = (word(block.q + b / 4 * 32, j) >> b % 4 * 2 & bytes(3)) |
                (word(block.high, j) >> b & bytes(1)) << 2;
}

void scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  const auto block = read<Q3_K>(span, 0);
  to.half(0, block.d);
  uint8_t field[16];
  for (int i = 0; i < 16; ++i) field[i] = uint8_t(scale_of(block.scale, i));
  to.six(field);
}

const FormatFile file({{"Q3_K", Type::q3_k, 11, 12, 256, 110, true},
                       to_f32, nullptr,
                       {{layout::Coding::u3x16, layout::Header::k3}, codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
