#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d q + m; nibbles as in Q4_0.
struct Q4_1 {
  uint16_t d, m;
  uint8_t q[16];
};
static_assert(sizeof(Q4_1) == 20);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 32) {
    const auto block = read<Q4_1>(stored, b);
    const float d = half::from_f16(block.d), m = half::from_f16(block.m);
    for (int i = 0; i < 32; ++i) out[i] = d * float(nibble(block.q, i)) + m;
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 32) {
    float x[32];
    for (int i = 0; i < 32; ++i) x[i] = finite(values[i]);
    const Affine fit = search_affine(x, 32, 15, false);
    Q4_1 block;
    block.d = scale_f16(fit.d);
    block.m = scale_f16(fit.m);
    const float d = half::from_f16(block.d), m = half::from_f16(block.m);
    uint8_t q[32];
    for (int i = 0; i < 32; ++i) q[i] = uint8_t(code(x[i] - m, d, 0, 15));
    put_nibbles(q, block.q);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<Q4_1>(span, b);
    nibble_words(block.q, u[b]);
  }
}

const FormatFile file(
    {{"Q4_1", Type::q4_1, 3, 3, 32, 20, true},
     to_f32,
     from_f32,
     {{layout::Coding::u4_min, layout::Header::half_min}, codes, half_scales_and_minima<Q4_1>}});

}  // namespace
}  // namespace strata::kernel::quant
