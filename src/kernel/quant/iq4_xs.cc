#include <cmath>

#include "kernel/quant/format.h"
#include "kernel/quant/levels.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// 8 groups of 32: x = d (scale - 32) kIq4Values[q]; a group's 16 bytes as in IQ4_NL. Six-bit
/// scales: the low four bits of scale s are nibble s % 2 of scale_low[s / 2], the top two are bits
/// 2s and 2s + 1 of scale_high.
struct IQ4_XS {
  uint16_t d;
  uint16_t scale_high;
  uint8_t scale_low[4];
  uint8_t q[128];
};
static_assert(sizeof(IQ4_XS) == 136);

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

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    float x[256], group[8], top = 0;
    for (int i = 0; i < 256; ++i) x[i] = finite(values[i]);
    for (int s = 0; s < 8; ++s) {
      group[s] = search_levels(x + 32 * s, 32, kIq4Values, 16);
      if (std::fabs(group[s]) > std::fabs(top)) top = group[s];
    }
    IQ4_XS block{};
    block.d = scale_f16(top / -32);   // the largest scale takes the code -32
    const float d = half::from_f16(block.d);
    for (int s = 0; s < 8; ++s) {
      const int scale = code(group[s], d, -32, 31), field = scale + 32;
      block.scale_low[s / 2] |= uint8_t((field & 15) << s % 2 * 4);
      block.scale_high |= uint16_t(field >> 4 << 2 * s);
      const float d_s = d * float(scale);
      uint8_t q[32];
      for (int i = 0; i < 32; ++i)
        q[i] = uint8_t(nearest_level(d_s == 0 ? 0 : x[32 * s + i] / d_s, kIq4Values, 16));
      put_nibbles(q, block.q + 16 * s);
    }
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  const auto block = read<IQ4_XS>(span, 0);
  for (int b = 0; b < blocks; ++b) nibble_words(block.q + 16 * b, u[b]);
}

void scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  const auto block = read<IQ4_XS>(span, 0);
  to.half(0, block.d);
  to.half(32, block.scale_high);
  to.dword(1, word(block.scale_low, 0));
}

const FormatFile file({{"IQ4_XS", Type::iq4_xs, 23, 30, 256, 136, true},
                       to_f32, from_f32,
                       {{layout::Coding::u4_book, layout::Header::iq4, kIq4Book.value},
                        codes,
                        scales}});

}  // namespace
}  // namespace strata::kernel::quant
