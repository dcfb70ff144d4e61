#include <cmath>

#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// 16 groups of 16: x = d scale (q - 32). In each half of 128 values, value 32 j + l takes its low
/// four bits from nibble j / 2 of byte 32 (j % 2) + l of the half's 64 bytes of `low`, and its top
/// two from bits 2j of byte l of the half's 32 bytes of `high`.
struct Q6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scale[16];
  uint16_t d;
};
static_assert(sizeof(Q6_K) == 210);

// Where value i has its low nibble and its top two bits.
struct Place {
  int low, low_shift, high, high_shift;
  explicit Place(int i)
      : low(i / 128 * 64 + i % 64), low_shift(i % 128 / 64 * 4), high(i / 128 * 32 + i % 32),
        high_shift(i % 128 / 32 * 2) {}
};

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q6_K>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 256; ++i) {
      const Place at(i);
      const int q = (block.low[at.low] >> at.low_shift & 15) |
                    (block.high[at.high] >> at.high_shift & 3) << 4;
      out[i] = d * float(block.scale[i / 16]) * float(q - 32);
    }
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    float x[256], group[16], top = 0;
    for (int i = 0; i < 256; ++i) x[i] = finite(values[i]);
    for (int s = 0; s < 16; ++s) {
      group[s] = search_symmetric(x + 16 * s, 16, 32);
      if (std::fabs(group[s]) > std::fabs(top)) top = group[s];
    }
    Q6_K block{};
    block.d = scale_f16(top / -128);   // the largest scale takes the code -128
    const float d = half::from_f16(block.d);
    for (int s = 0; s < 16; ++s) block.scale[s] = int8_t(code(group[s], d, -128, 127));
    for (int i = 0; i < 256; ++i) {
      const Place at(i);
      const int q = code(x[i], d * float(block.scale[i / 16]), -32, 31) + 32;
      block.low[at.low] |= uint8_t((q & 15) << at.low_shift);
      block.high[at.high] |= uint8_t((q >> 4) << at.high_shift);
    }
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<Q6_K>(span, 0);
  for (int b = 0; b < blocks; ++b) {
    const uint8_t* low = block.low + b / 4 * 64 + b % 2 * 32;
    for (int j = 0; j < 8; ++j)
      u[b][j] = (word(low, j) >> b % 4 / 2 * 4 & bytes(15)) |
                (word(block.high + b / 4 * 32, j) >> b % 4 * 2 & bytes(3)) << 4;
  }
}

void scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  to.half(0, read<Q6_K>(span, 0).d);
  for (int l = 0; l < 4; ++l) to.dword(1 + l, word(span + offsetof(Q6_K, scale), l));
}

const FormatFile file({{"Q6_K", Type::q6_k, 14, 18, 256, 210, true},
                       to_f32, from_f32,
                       {{layout::Coding::u6x16, layout::Header::k6}, codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
