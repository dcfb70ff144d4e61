#include <cmath>

#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d or -d: bit i (bit 0 of byte 0 is the first) tells which; 1 is d.
struct Q1_0 {
  uint16_t d;
  uint8_t q[16];
};
static_assert(sizeof(Q1_0) == 18);

int bit(const Q1_0& b, int i) { return b.q[i / 8] >> i % 8 & 1; }

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 128) {
    const auto block = read<Q1_0>(stored, b);
    const float d = half::from_f16(block.d);
    for (int i = 0; i < 128; ++i) out[i] = bit(block, i) ? d : -d;
  }
}

// The mean magnitude is the least squares of +-d.
void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 128) {
    Q1_0 block{};
    double sum = 0;
    for (int i = 0; i < 128; ++i) {
      sum += std::fabs(finite(values[i]));
      block.q[i / 8] |= uint8_t((finite(values[i]) >= 0) << i % 8);
    }
    block.d = scale_f16(float(sum / 128));
    write(block, stored, b);
  }
}

// As ternary codes: 0 or 2, less 1.
void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<Q1_0>(span, b / 4);
    uint8_t c[32];
    for (int i = 0; i < 32; ++i) c[i] = uint8_t(2 * bit(block, b % 4 * 32 + i));
    std::memcpy(u[b], c, 32);
  }
}

void scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int i = 0; i < (blocks + 3) / 4; ++i)
    to.f32(i, half::from_f16(read<Q1_0>(span, i).d));
}

const FormatFile file({{"Q1_0", Type::q1_0, 41, 40, 128, 18, true},
                       to_f32, from_f32,
                       {{.coding = layout::Coding::u2, .header = layout::Header::wide, .scales = 2},
                        codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
