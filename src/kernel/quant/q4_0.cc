#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d (q - 8); q of value i < 16 is the low nibble of byte i, of value 16 + i the high one.
struct Q4_0 {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(Q4_0) == 18);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 32) {
    const auto block = read<Q4_0>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * float(nibble(block.q, i) - 8);
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 32) {
    float x[32];
    for (int i = 0; i < 32; ++i) x[i] = finite(values[i]);
    Q4_0 block;
    block.d = scale_f16(search_symmetric(x, 32, 8));
    const float d = half::from_f16(block.d);
    uint8_t q[32];
    for (int i = 0; i < 32; ++i) q[i] = uint8_t(code(x[i], d, -8, 7) + 8);
    put_nibbles(q, block.q);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<Q4_0>(span, b);
    nibble_words(block.q, u[b]);
  }
}

const FormatFile file({{"Q4_0", Type::q4_0, 2, 2, 32, 18, true},
                       to_f32,
                       from_f32,
                       {{layout::Coding::u4, layout::Header::half}, codes, half_scales<Q4_0>}});

}  // namespace
}  // namespace strata::kernel::quant
