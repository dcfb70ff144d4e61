#include <algorithm>
#include <cmath>

#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d q[i]
struct Q8_0 {
  uint16_t d;
  int8_t q[32];
};
static_assert(sizeof(Q8_0) == 34);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 32) {
    const auto block = read<Q8_0>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * block.q[i];
  }
}

// No search: at eight bits the extreme value is as good a scale as any.
void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 32) {
    float top = 0;
    for (int i = 0; i < 32; ++i) top = std::max(top, std::fabs(finite(values[i])));
    Q8_0 block;
    block.d = scale_f16(top / 127);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 32; ++i) block.q[i] = int8_t(code(finite(values[i]), d, -127, 127));
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j) u[b][j] = word(span + 34 * b + 2, j) ^ bytes(0x80);
}

const FormatFile file({{"Q8_0", Type::q8_0, 8, 7, 32, 34, true},
                       to_f32,
                       from_f32,
                       {{layout::Coding::u8, layout::Header::half}, codes, half_scales<Q8_0>}});

}  // namespace
}  // namespace strata::kernel::quant
