#include "kernel/quant/format.h"
#include "kernel/quant/levels.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d kIq4Values[q]; nibbles as in Q4_0.
struct IQ4_NL {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(IQ4_NL) == 18);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 32) {
    const auto block = read<IQ4_NL>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * float(kIq4Values[nibble(block.q, i)]);
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 32) {
    float x[32];
    for (int i = 0; i < 32; ++i) x[i] = finite(values[i]);
    IQ4_NL block;
    block.d = scale_f16(search_levels(x, 32, kIq4Values, 16));
    const float d = half::from_f16(block.d);
    uint8_t q[32];
    for (int i = 0; i < 32; ++i)
      q[i] = uint8_t(nearest_level(d == 0 ? 0 : x[i] / d, kIq4Values, 16));
    put_nibbles(q, block.q);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<IQ4_NL>(span, b);
    nibble_words(block.q, u[b]);
  }
}

const FormatFile file({{"IQ4_NL", Type::iq4_nl, 20, 25, 32, 18, true},
                       to_f32,
                       from_f32,
                       {{layout::Coding::u4_book, layout::Header::half, kIq4Book.value},
                        codes,
                        half_scales<IQ4_NL>}});

}  // namespace
}  // namespace strata::kernel::quant
